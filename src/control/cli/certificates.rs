//! Commands on certificates: they are shown, changed in two steps (`set`, `commit`), made and
//! removed, in HAProxy 2.6's words.
//!
//! A change is checked as a file is at the start, and counts for every listener and server at once;
//! what cannot be served changes nothing.

use super::table::Command;
use super::{Answer, Call};
use crate::clock;
use crate::config::model::certificate::{Certificate, Material, Unfit, signing_key_of};
use crate::pure::wire::x509::shown;
use crate::state::certificates::Desk;
use crate::state::process::Objects;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command::admin("show ssl cert", "[<certfile>]", "list the certificates, or describe one", show),
    Command::admin("new ssl cert", "<certfile>", "make an empty certificate", new),
    Command::admin(
        "set ssl cert",
        "<certfile> <payload>",
        "prepare another certificate for a file",
        set,
    ),
    Command::admin("commit ssl cert", "<certfile>", "let a prepared certificate count", commit),
    Command::admin("abort ssl cert", "<certfile>", "forget a prepared certificate", abort),
    Command::admin("del ssl cert", "<certfile>", "remove a certificate that is not in use", del),
];

/// A part of a certificate that has a file of its own.
const KEY: &str = ".key";

fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    let (desk, objects) = (process.certificates.desk(), process.objects());
    let asked = call.arg(0);
    if asked.is_empty() {
        if let Some((file, _)) = &desk.pending {
            answer.line(format_args!("# transaction\n*{file}"));
        }
        let files = desk.files(&objects);
        if !files.is_empty() {
            answer.line("# filename");
        }
        return files.iter().for_each(|file| answer.line(file));
    }
    let (chain, status) = match (asked.strip_prefix('*'), &desk.pending) {
        (Some(asked), Some((file, material))) if asked == file => {
            (material.chain.clone(), "Unused")
        }
        (Some(_), _) => {
            return answer.refuse(
                "Can't display the certificate: Not found or the certificate is a bundle!",
            );
        }
        (None, _) => match desk.find(asked, &objects) {
            None => {
                let why = "Not found or the certificate is a bundle!";
                return answer.refuse(format_args!("Can't display the certificate: {why}"));
            }
            Some(known) => match known.certificate {
                None => (Vec::new(), "Empty"),
                Some(certificate) if known.is_used => (certificate.key.cert.clone(), "Used"),
                Some(certificate) => (certificate.key.cert.clone(), "Unused"),
            },
        },
    };
    answer.line(format_args!("Filename: {asked}\nStatus: {status}"));
    let chain: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
    answer.push(&shown::lines(&chain));
    answer.line("OCSP Response Key: ");
}

fn new(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (process, file) = (&call.shared.process, call.arg(0));
    let (mut desk, objects) = (process.certificates.desk(), process.objects());
    if file.is_empty() {
        answer.refuse("'new ssl cert' expects a filename");
    } else if desk.find(file, &objects).is_some() {
        answer.refuse(format_args!("Certificate '{file}' already exists!"));
    } else if desk.make(file) {
        answer.line(format_args!("New empty certificate store '{file}'!"));
    } else {
        answer.refuse("Too many certificates are not in use: remove some.");
    }
}

fn set(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (process, asked) = (&call.shared.process, call.arg(0));
    let (mut desk, objects) = (process.certificates.desk(), process.objects());
    let (Some(pem), false) = (call.payload, asked.is_empty()) else {
        return answer.refuse("'set ssl cert expects a filename and a certificate as a payload");
    };
    match prepare(&mut desk, &objects, asked, pem.as_bytes()) {
        Ok(said) => answer.line(said),
        Err(why) => answer.refuse(format_args!("{why}\nCan't update {asked}!")),
    }
}

/// Prepares what `pem` makes of the file that is `asked` for, or of its key.
fn prepare(desk: &mut Desk, objects: &Objects, asked: &str, pem: &[u8]) -> Result<String, String> {
    let whole = desk.find(asked, objects).map(|known| (asked, known, false));
    let file_of_key = asked.strip_suffix(KEY);
    let of_key = || Some((file_of_key?, desk.find(file_of_key?, objects)?, true));
    let Some((file, known, is_key)) = whole.or_else(of_key) else {
        let why = "Can't replace a certificate which is not referenced by the configuration!";
        return Err(why.to_owned());
    };
    let (before, verb) = match &desk.pending {
        Some((pending, material)) if pending == file => (material.clone(), "updated"),
        Some((pending, _)) => {
            return Err(format!(
                "The ongoing transaction is about '{pending}' but you are trying to set '{file}'"
            ));
        }
        None => {
            let certificate = known.certificate.as_ref();
            (certificate.map(Certificate::material).unwrap_or_default(), "created")
        }
    };
    let unread = |why: String| {
        format!("unable to load certificate from file '{file}': {why}.\nCan't load the payload")
    };
    let material = match is_key {
        true => Material { key: Some(signing_key_of(pem).map_err(unread)?), ..before },
        false => Material::read(pem).map_err(unread)?,
    };
    desk.pending = Some((file.to_owned(), material));
    Ok(format!("Transaction {verb} for certificate {file}!"))
}

fn commit(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (process, file) = (&call.shared.process, call.arg(0));
    let (mut desk, objects) = (process.certificates.desk(), process.objects());
    if file.is_empty() {
        return answer.refuse("'commit ssl cert expects a filename");
    }
    let certificate = match &desk.pending {
        None => Err("No ongoing transaction! !".to_owned()),
        Some((pending, _)) if pending != file => Err(format!(
            "The ongoing transaction is about '{pending}' but you are trying to set '{file}'"
        )),
        Some((_, material)) => Certificate::new(file, material.clone()).map_err(|why| match why {
            Unfit::Incomplete => {
                "The transaction must contain at least a certificate and a private key!".to_owned()
            }
            Unfit::OtherKey => {
                format!("inconsistencies between private key and certificate loaded '{file}'.")
            }
        }),
    };
    match certificate {
        Ok(certificate) => {
            let places = desk.install(&certificate, &objects, clock::now());
            desk.pending = None;
            tracing::info!("Certificate {file} was replaced by a command.");
            answer.line(format_args!("Committing {file}{}\nSuccess!", ".".repeat(places)));
        }
        Err(why) => answer.refuse(format_args!("{why}\nCan't commit {file}!")),
    }
}

fn abort(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let file = call.arg(0);
    let mut desk = call.shared.process.certificates.desk();
    if file.is_empty() {
        return answer.refuse("'abort ssl cert' expects a filename");
    }
    match &desk.pending {
        None => answer.refuse("No ongoing transaction!"),
        Some((pending, _)) if pending != file => answer.refuse(format_args!(
            "The ongoing transaction is about '{pending}' but you are trying to abort a \
             transaction for '{file}'"
        )),
        Some(_) => {
            desk.pending = None;
            answer.line(format_args!("Transaction aborted for certificate '{file}'!"));
        }
    }
}

fn del(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let (process, file) = (&call.shared.process, call.arg(0));
    let (mut desk, objects) = (process.certificates.desk(), process.objects());
    if file.is_empty() {
        return answer.refuse("'del ssl cert' expects a certificate name");
    }
    let why = match desk.find(file, &objects) {
        None => format!("certificate '{file}' doesn't exist!"),
        Some(known) if known.is_used => format!("certificate '{file}' in use, can't be deleted!"),
        Some(_) => {
            desk.forget(file);
            return answer.line(format_args!("Certificate '{file}' deleted!"));
        }
    };
    answer.refuse(format_args!("Can't remove the certificate: {why}\n"));
}
