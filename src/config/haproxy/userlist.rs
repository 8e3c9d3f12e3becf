//! `userlist` sections.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section};

use super::words::{Args, Context, text};
use crate::config::raw::Userlist;

/// The accounts of a section. One without a name was reported when the file was read.
pub(super) fn lower(section: &Section, cx: &mut Context<'_>) -> Option<Userlist> {
    let Some(name) = section.name.as_ref().map(text) else {
        cx.report.alert(section.header.span, "'userlist' needs a name");
        return None;
    };
    let mut list = Userlist { name, users: Vec::new(), groups: Vec::new() };
    // Users whom nobody can be: their password is not known.
    let mut unknown = Vec::new();
    for line in &section.lines {
        let word = &line.words[0];
        match word.text().as_ref() {
            "user" => user(&mut list, line, &mut unknown, cx),
            "group" => group(&mut list, line, cx),
            _ => cx.unknown(word, "in 'userlist'", ["user", "group"]),
        }
    }
    let is_declared = |group: &Spanned<String>| {
        section.lines.iter().any(|line| {
            let [keyword, name, ..] = line.words.as_slice() else { return false };
            keyword.bytes == b"group" && name.text() == group.value
        })
    };
    for (group, members) in &mut list.groups {
        if !is_declared(group) {
            let message = format!("'userlist' has no group '{}'", group.value);
            cx.report.alert(group.span, message).help("write 'group NAME' for each");
        }
        members.retain(|member| !unknown.contains(&member.value));
    }
    Some(list)
}

/// `user NAME [insecure-password TEXT] [groups A,B]`
fn user(list: &mut Userlist, line: &Line, unknown: &mut Vec<String>, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(name) = args.text("user", "a name", cx) else { return };
    let mut password = None;
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "insecure-password" => {
                password = args.text("insecure-password", "the password", cx);
            }
            "password" => {
                let message = format!(
                    "encrypted passwords are not supported: nobody can be user '{}'",
                    name.value
                );
                cx.report
                    .warning(word.span, message)
                    .help("write 'insecure-password' and the password itself");
                return unknown.push(name.value);
            }
            "groups" => {
                let Some(groups) = args.text("groups", "names of groups", cx) else { return };
                for group in groups.value.split(',') {
                    join(list, &Spanned::new(group.to_owned(), groups.span), name.clone());
                }
            }
            _ => return cx.unknown(word, "after 'user'", ["insecure-password", "groups"]),
        }
    }
    match password {
        Some(password) => list.users.push((name, password)),
        None => {
            let message = format!("user '{}' has no password: nobody can be it", name.value);
            cx.report.alert(name.span, message);
        }
    }
}

/// `group NAME [users A,B]`
fn group(list: &mut Userlist, line: &Line, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(name) = args.text("group", "a name", cx) else { return };
    if args.take("users")
        && let Some(users) = args.text("users", "names of users", cx)
    {
        for user in users.value.split(',') {
            join(list, &name, Spanned::new(user.to_owned(), users.span));
        }
    }
    args.finish("group", cx);
}

fn join(list: &mut Userlist, group: &Spanned<String>, user: Spanned<String>) {
    match list.groups.iter_mut().find(|(name, _)| name.value == group.value) {
        Some((_, members)) => members.push(user),
        None => list.groups.push((group.clone(), vec![user])),
    }
}
