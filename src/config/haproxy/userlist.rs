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
    let (users, encrypted) = (Vec::new(), Vec::new());
    let mut list = Userlist { name, users, encrypted, groups: Vec::new() };
    for line in &section.lines {
        let word = &line.words[0];
        match word.text().as_ref() {
            "user" => user(&mut list, line, cx),
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
    for (group, _) in &list.groups {
        if !is_declared(group) {
            let message = format!("'userlist' has no group '{}'", group.value);
            cx.report.alert(group.span, message).help("write 'group NAME' for each");
        }
    }
    Some(list)
}

/// `user NAME [password HASH|insecure-password TEXT] [groups A,B]`
fn user(list: &mut Userlist, line: &Line, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(name) = args.text("user", "a name", cx) else { return };
    let (mut password, mut hash) = (None, None);
    while let Some(word) = args.next() {
        match word.text().as_ref() {
            "insecure-password" => {
                password = args.text("insecure-password", "the password", cx);
            }
            "password" => hash = args.text("password", "the encrypted password", cx),
            "groups" => {
                let Some(groups) = args.text("groups", "names of groups", cx) else { return };
                for group in groups.value.split(',') {
                    join(list, &Spanned::new(group.to_owned(), groups.span), name.clone());
                }
            }
            // It may be a part of a password.
            _ => {
                cx.report
                    .alert(word.span, "an unknown word after 'user'")
                    .help("it can be 'password', 'insecure-password' or 'groups'");
                return;
            }
        }
    }
    match (password, hash) {
        (Some(password), _) => list.users.push((name, password)),
        (None, Some(hash)) => list.encrypted.push((name, hash)),
        (None, None) => {
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

/// Passes over the last list where its name is that of one before, as HAProxy does.
pub(super) fn first_counts(lists: &mut Vec<Userlist>, cx: &mut Context<'_>) {
    let Some((last, before)) = lists.split_last() else { return };
    if let Some(first) = before.iter().find(|list| list.name.value == last.name.value) {
        let message = format!("a second userlist '{}' is ignored", last.name.value);
        cx.report.warning(last.name.span, message).related(first.name.span, "the first");
        lists.pop();
    }
}
