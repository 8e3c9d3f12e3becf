//! Arguments of words that have no effect: judged as HAProxy judges them, then forgotten.

use haproxy_compat::keywords::form::Form;
use haproxy_compat::keywords::{Effect, Table};
use haproxy_compat::tree::Word;
use haproxy_compat::units::TimeUnit;

use super::numeral::leading;
use super::words::{Args, Context};
use crate::config::raw::{Object, Unread};
use crate::pure::http::answer::has_page;

/// Judges what stands after `keyword`, which takes at most one argument unless its form says more.
pub(super) fn judge(form: Form, keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) {
    match form {
        Form::Any => {}
        Form::Alone => args.finish(keyword, cx),
        Form::Text => drop(args.expect(keyword, "an argument", cx)),
        Form::Number(least, most) => number(least, most, &[], keyword, args, cx),
        Form::Digits(least, most) => {
            let text = args.peek().map(Word::text).filter(|text| text.parse::<i64>().is_err());
            if let (Some(text), Some(word)) = (text, args.peek()) {
                let message = format!("'{keyword}' needs a number, and '{text}' is none");
                cx.report.alert(word.span, message);
                args.skip(1);
            } else {
                number(least, most, &[], keyword, args, cx);
            }
        }
        Form::NumberOr(least, most, words) => number(least, most, words, keyword, args, cx),
        Form::Time(most) => time(most, TimeUnit::Milliseconds, keyword, args, cx),
        Form::Seconds(most) => time(most, TimeUnit::Seconds, keyword, args, cx),
        Form::TimeOrInfinite => {
            if !args.take("infinite") {
                time(u64::MAX, TimeUnit::Milliseconds, keyword, args, cx);
            }
        }
        Form::OneOf(words) => {
            if let Some(word) = args.expect(keyword, &one_of(words), cx) {
                known(word, words, keyword, cx);
            }
        }
        Form::SomeOf(words) => {
            let mut next = args.expect(keyword, &one_of(words), cx);
            while let Some(word) = next {
                known(word, words, keyword, cx);
                next = args.next();
            }
        }
        Form::File => path(keyword, args, Object::File, cx),
        Form::Directory => path(keyword, args, Object::Directory, cx),
        Form::StatusFile => {
            status(keyword, args, cx);
            path(keyword, args, Object::Answer, cx);
        }
        Form::StatusText => {
            status(keyword, args, cx);
            args.expect(keyword, "an address", cx);
        }
        Form::ErrorSection => {
            let name = args.text(keyword, "the name of an 'http-errors' section", cx);
            cx.error_sections.extend(name);
            while args.peek().is_some() {
                status(keyword, args, cx);
            }
        }
        Form::Threads => {
            if let Some(word) = args.expect(keyword, "a set such as 'all' or '1-4'", cx)
                && !word.text().split('/').all(is_set)
            {
                let text = word.text();
                let message = format!("'{text}' after '{keyword}' is no set of threads");
                cx.report.alert(word.span, message).help("write 'all', 'odd', 'even' or '1-4'");
            }
        }
        _ => composed(form, keyword, args, cx),
    }
}

/// A form that is put together out of others.
fn composed(form: Form, keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) {
    match form {
        Form::Maybe(form) if args.peek().is_some() => judge(*form, keyword, args, cx),
        Form::Words(forms) => {
            for form in forms {
                judge(*form, keyword, args, cx);
            }
        }
        Form::Picked(words) => {
            let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
            if let Some(word) = args.expect(keyword, &one_of(&names), cx) {
                option(word, words, keyword, args, cx);
            }
        }
        Form::Options(words) => options(words, keyword, args, cx),
        Form::Redirect(words) => {
            let places = ["location", "prefix", "scheme"];
            if !args.rest().any(|word| places.contains(&word.text().as_ref())) {
                args.lacks(keyword, &one_of(&places), cx);
            }
            options(words, keyword, args, cx);
        }
        Form::Cookie(words) => {
            cookie(keyword, args, cx);
            options(words, keyword, args, cx);
        }
        Form::HeaderCase => {
            let Some(name) = args.expect(keyword, "the name of a header", cx) else { return };
            let Some(written) = args.expect(keyword, "the name as it is written", cx) else {
                return;
            };
            if !name.bytes.eq_ignore_ascii_case(&written.bytes) {
                let (name, written) = (name.text(), written.text());
                let message = format!("'{name}' and '{written}' differ in more than their case");
                cx.report.alert(args.span(), message);
            }
            if cx.header_cases.contains(&name.bytes) {
                let message = format!("how to write '{}' was said before", name.text());
                cx.report.alert(name.span, message);
            }
            cx.header_cases.push(name.bytes.clone());
        }
        Form::Condition => args.skip_all(),
        _ => {}
    }
}

/// Ways of a cookie that exclude each other.
fn cookie(keyword: &str, args: &Args<'_>, cx: &mut Context<'_>) {
    let has = |name: &&str| args.rest().any(|word| word.bytes == name.as_bytes());
    let modes: Vec<&str> = ["rewrite", "insert", "prefix"].into_iter().filter(has).collect();
    let message = match modes[..] {
        [one, other, ..] => format!("'{keyword} {one}' and '{keyword} {other}' exclude each other"),
        ["rewrite"] if has(&"indirect") => {
            format!("'{keyword} rewrite' and '{keyword} indirect' exclude each other")
        }
        _ if has(&"preserve") && !has(&"insert") && !has(&"indirect") => {
            format!("'{keyword} preserve' needs 'insert' or 'indirect'")
        }
        _ => return,
    };
    cx.report.alert(args.span(), message);
}

/// A status that has a page.
fn status(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) {
    let Some(word) = args.expect(keyword, "a status", cx) else { return };
    let status = leading(&word.text());
    if !u16::try_from(status).is_ok_and(has_page) {
        let message = format!("'{}' after '{keyword}' is no status that has a page", word.text());
        cx.report.alert(word.span, message);
    }
}

/// What has to be there under the next word.
pub(super) fn path(keyword: &str, args: &mut Args<'_>, object: Object, cx: &mut Context<'_>) {
    let what = match object {
        Object::File | Object::Answer => "a file",
        Object::Directory => "a directory",
        Object::Account(_) => "the name of an account",
    };
    if let Some(path) = args.text(keyword, what, cx) {
        cx.unread.push(Unread { keyword: keyword.to_owned(), path, object });
    }
}

fn one_of(words: &[&str]) -> String {
    format!("'{}'", words.join("' or '"))
}

/// Any number of `words`.
fn options(words: &[(&str, Form)], keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) {
    while let Some(word) = args.next() {
        option(word, words, keyword, args, cx);
    }
}

/// `word`, which has to be one of `words`, and what belongs to it.
fn option(
    word: &Word,
    words: &[(&str, Form)],
    keyword: &str,
    args: &mut Args<'_>,
    cx: &mut Context<'_>,
) {
    let text = word.text();
    match words.iter().find(|(name, _)| *name == text) {
        Some((name, form)) => judge(*form, &format!("{keyword} {name}"), args, cx),
        None => {
            let names = words.iter().map(|(name, _)| *name);
            cx.unknown(word, &format!("after '{keyword}'"), names);
            args.skip_all();
        }
    }
}

fn known(word: &Word, words: &[&str], keyword: &str, cx: &mut Context<'_>) {
    if !words.contains(&word.text().as_ref()) {
        cx.unknown(word, &format!("after '{keyword}'"), words.iter().copied());
    }
}

fn number(
    least: i64,
    most: i64,
    words: &[&str],
    keyword: &str,
    args: &mut Args<'_>,
    cx: &mut Context<'_>,
) {
    let Some(word) = args.expect(keyword, "a number", cx) else { return };
    let text = word.text();
    if words.contains(&text.as_ref()) {
        return;
    }
    let number = i64::from(leading(&text));
    if !(least..=most).contains(&number) {
        let wrong = if most == i64::MAX {
            format!("'{text}' is too little for '{keyword}'")
        } else {
            format!("'{keyword}' goes from {least} to {most}, not to '{text}'")
        };
        cx.report.alert(word.span, wrong);
    } else if text.parse() != Ok(number) {
        let message = format!("'{text}' after '{keyword}' is no number: it is read as {number}");
        cx.report.warning(word.span, message).help("write digits only");
    }
}

/// A time of at most `most` of `unit`.
fn time(most: u64, unit: TimeUnit, keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) {
    let Some(time) = args.time(keyword, unit, cx) else { return };
    let (read, name) = match unit {
        TimeUnit::Seconds => (time.value.as_secs().into(), "s"),
        _ => (time.value.as_millis(), "ms"),
    };
    if read > u128::from(most) {
        cx.report.alert(time.span, format!("'{keyword}' is at most {most}{name}"));
    }
}

/// `all`, `odd`, `even`, `3`, `1-4` or `1,3`.
fn is_set(text: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().is_ok_and(|number| number > 0);
    matches!(text, "all" | "odd" | "even")
        || text.split(',').all(|part| match part.split_once('-') {
            Some((first, last)) => number(first) && (last.is_empty() || number(last)),
            None => number(part),
        })
}

/// Judges the arguments of `word`, which stands in a line of many and has this effect.
pub(super) fn without_effect(
    effect: Effect,
    word: &Word,
    table: &Table,
    form_of: impl Fn(&str) -> Form,
    args: &mut Args<'_>,
    cx: &mut Context<'_>,
) {
    let option = word.text();
    let count = table.find(&option).map_or(0, |(_, count)| count);
    if count == 1 && !matches!(effect, Effect::Refused(_) | Effect::Gone(_)) {
        judge(form_of(&option), &option, args, cx);
    } else {
        args.skip(count);
    }
}
