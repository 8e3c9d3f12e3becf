//! Commands on lists of certificates and directories of them, in HAProxy 2.6's words. What they
//! change ends with the process; the files stay as they are.

use std::collections::BTreeSet;

use super::table::Command;
use super::{Answer, Call};
use crate::config::model::contexts::Entry;
use crate::pure::tls::names::NamePattern;
use crate::state::certificates::binds;
use crate::state::process::Objects;
use crate::state::publish;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command::admin(
        "show ssl crt-list",
        "[-n] [<list>]",
        "list the lists of certificates, or one",
        show,
    ),
    Command::admin(
        "add ssl crt-list",
        "<list> <cert> | <list> <payload>",
        "add a certificate to a list, or the line of a payload",
        add,
    ),
    Command::admin("del ssl crt-list", "<list> <cert[:line]>", "take a line out of a list", del),
];

/// The lines of a list: every socket that serves it has the same.
fn lines(objects: &Objects, source: &str) -> Option<Vec<(String, Entry)>> {
    binds(objects).find_map(|bind| {
        let contexts = bind.contexts();
        contexts.sources().find(|known| known.as_ref() == source)?;
        let mut lines: Vec<(String, Entry)> = Vec::new();
        for context in contexts.list() {
            if let Some(entry) = context.entry.as_ref().filter(|entry| *entry.source == *source) {
                lines.push((context.certificate.file.to_string(), entry.clone()));
            }
        }
        Some(lines)
    })
}

fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let objects = call.shared.process.objects();
    let (numbered, source) = match call.arg(0) {
        "-n" => (true, call.arg(1)),
        source => (false, source),
    };
    if numbered && source.is_empty() {
        return answer.refuse("'show ssl crt-list -n' expects a filename or a directory");
    }
    if source.is_empty() {
        let mut all = BTreeSet::new();
        for bind in binds(&objects) {
            all.extend(bind.contexts().sources().map(ToString::to_string));
        }
        return all.iter().for_each(|source| answer.line(source));
    }
    let Some(lines) = lines(&objects, source) else {
        return answer.refuse("didn't find the specified filename");
    };
    answer.line(format_args!("# {source}"));
    for (file, entry) in lines {
        let number = if numbered { format!(":{}", entry.line) } else { String::new() };
        let mut line = file + &number;
        if !entry.options.is_empty() {
            line += &format!(" [{}]", entry.options);
        }
        for name in &entry.filter {
            line += &format!(" {name}");
        }
        answer.line(line);
    }
}

fn add(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (source, named) = (call.arg(0), call.arg(1));
    let payload = call.payload.map(str::trim).filter(|payload| !payload.is_empty());
    let words: Vec<&str> = match payload {
        Some(payload) => payload.split_whitespace().collect(),
        None => vec![named],
    };
    let (false, [file, names @ ..]) = (source.is_empty() || words == [""], &words[..]) else {
        return answer.refuse("'add ssl crtlist' expects a filename and a certificate name");
    };
    match insert(call, source, file, names) {
        Ok(()) => answer
            .line(format_args!("Inserting certificate '{file}' in crt-list '{source}'.\nSuccess!")),
        Err(why) => answer.refuse(format_args!("Can't edit the crt-list: {why}")),
    }
}

fn insert(call: &Call<'_>, source: &str, file: &str, names: &[&str]) -> Result<(), String> {
    let process = &call.shared.process;
    let (desk, objects) = (process.certificates.desk(), process.objects());
    let Some(lines) = lines(&objects, source) else {
        return Err(format!("crt-list '{source}' does not exist!"));
    };
    let is_directory = lines.iter().any(|(_, entry)| entry.line == 0);
    if is_directory && !file.starts_with(&format!("{source}/")) {
        return Err(format!(
            "'{source}' is a directory, certificate path '{file}' must contain the directory path"
        ));
    }
    let Some(known) = desk.find(file, &objects) else {
        return Err(format!("certificate '{file}' does not exist!"));
    };
    let Some(certificate) = known.certificate else {
        return Err(format!("certificate '{file}' is empty!"));
    };
    if names.iter().any(|name| name.starts_with('[')) {
        return Err("options are for lines of files only, which a reload reads".to_owned());
    }
    let names: Vec<NamePattern> = names.iter().filter_map(|name| NamePattern::new(name)).collect();
    for bind in binds(&objects) {
        if let Some(contexts) = bind.contexts().with_line(source, &certificate, &names) {
            publish::certificates(bind, contexts);
        }
    }
    Ok(())
}

fn del(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (source, named) = (call.arg(0), call.arg(1));
    if source.is_empty() || named.is_empty() {
        return answer.refuse("'del ssl crtlist' expects a filename and a certificate name");
    }
    let numbered = named.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    let (file, line) = numbered.map_or((named, None), |(file, line)| (file, Some(line)));
    match remove(call, source, file, line) {
        Ok(()) => answer.line(format_args!("Entry '{file}' deleted in crtlist '{source}'!")),
        Err(why) => answer.refuse(format_args!("Can't delete the entry: {why}")),
    }
}

fn remove(call: &Call<'_>, source: &str, file: &str, line: Option<usize>) -> Result<(), String> {
    let process = &call.shared.process;
    let (desk, objects) = (process.certificates.desk(), process.objects());
    let Some(lines) = lines(&objects, source) else {
        return Err(format!("crt-list '{source}' does not exist!"));
    };
    match desk.find(file, &objects) {
        None => return Err(format!("certificate '{file}' does not exist!")),
        Some(known) if known.certificate.is_none() => {
            return Err(format!("certificate '{file}' is empty!"));
        }
        Some(_) => {}
    }
    let of_file = lines.iter().filter(|(known, _)| known == file).map(|(_, entry)| entry.line);
    let line = pick(file, source, &of_file.collect::<Vec<_>>(), line)?;
    let is_default = |contexts: &crate::config::model::contexts::Contexts| {
        let first = contexts.list().first();
        let entry = first.and_then(|first| first.entry.as_ref());
        entry.is_some_and(|entry| *entry.source == *source && entry.line == line)
            && first.is_some_and(|first| &*first.certificate.file == file)
    };
    if let Some(frontend) = objects.config.frontends.iter().find(|frontend| {
        let mut tls = frontend.binds.iter().filter_map(|bind| bind.tls.as_ref());
        tls.any(|tls| is_default(&tls.contexts()))
    }) {
        return Err(format!(
            "certificate '{file}' cannot be deleted, it is used as default certificate by the \
             following frontends:\n\t- {}\n",
            frontend.name
        ));
    }
    for bind in binds(&objects) {
        let contexts = bind.contexts().without_line(source, file, line);
        publish::certificates(bind, contexts);
    }
    Ok(())
}

/// The line that is meant, of those that a certificate has in a list.
fn pick(file: &str, source: &str, lines: &[usize], line: Option<usize>) -> Result<usize, String> {
    let all = || lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (lines, line) {
        ([], _) => Err(format!("certificate '{file}' can't be found in crt-list '{source}'!")),
        (_, Some(line)) if lines.contains(&line) => Ok(line),
        (_, Some(_)) => Err(format!(
            "found a certificate '{file}' but the line number is incorrect, please specify a \
             correct line number preceded by colons ({})!",
            all()
        )),
        ([line], None) => Ok(*line),
        (_, None) => Err(format!(
            "found the certificate '{file}' in several entries, please specify a line number \
             preceded by colons ({})!",
            all()
        )),
    }
}
