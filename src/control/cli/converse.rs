//! One client: line after line, each command answered before the next is read.

use std::fmt::Write as _;

use super::answer::Answer;
use super::line::{self, PayloadEnd, Words};
use super::table::{self, Found, Run};
use super::wire::{Gone, PAYLOAD_BYTES_MAX, Said, Wire};
use super::{Call, Client, Prompt, Shared, absent, expose};
use crate::clock;
use crate::config::model::LogLevel;

/// Talks with a client until it leaves, is sent away, or has its one line answered.
pub(super) async fn run(mut wire: Wire, mut client: Client, shared: &Shared) {
    // Whoever is gone needs no answer.
    let _ = talk(&mut wire, &mut client, shared).await;
}

async fn talk(wire: &mut Wire, client: &mut Client, shared: &Shared) -> Result<(), Gone> {
    while !client.quits {
        let line = match wire.line(client.timeout).await? {
            Said::Line(line) => line,
            Said::TooLong => return refuse(wire, client, "The line is too long.").await,
        };
        if line == expose::COMMAND {
            if client.takes_listeners {
                shared.exposed.give(wire.stream()).await;
            }
            return Ok(());
        }
        let (commands, payload) = line::parse(&line);
        let last = commands.len() - 1;
        for (at, words) in commands.iter().enumerate() {
            let payload = match payload.as_ref().filter(|_| at == last) {
                None => None,
                Some(end) => match read_payload(wire, client, end).await? {
                    Some(payload) => Some(payload),
                    None => return refuse(wire, client, "The payload is too long.").await,
                },
            };
            answer(wire, client, shared, words, payload.as_deref()).await?;
            if client.quits {
                return Ok(());
            }
        }
        // What came behind the line is answered too, as in HAProxy.
        if client.is_routed || client.prompt == Prompt::None && wire.is_drained() {
            return Ok(());
        }
    }
    Ok(())
}

async fn refuse(wire: &mut Wire, client: &Client, message: &str) -> Result<(), Gone> {
    let mut answer = Answer::new(wire, client.severity, client.timeout);
    answer.refuse(message);
    answer.flush().await
}

/// The lines up to the one that ends them; `None`: there are too many.
pub(super) async fn read_payload(
    wire: &mut Wire,
    client: &Client,
    end: &PayloadEnd,
) -> Result<Option<String>, Gone> {
    let mut payload = String::new();
    loop {
        if client.prompt == Prompt::Shown {
            wire.send(b"+ ", client.timeout).await?;
        }
        match wire.line(client.timeout).await? {
            Said::Line(line) if line == end.0 => return Ok(Some(payload)),
            Said::Line(line) if payload.len() + line.len() < PAYLOAD_BYTES_MAX => {
                payload.push_str(&line);
                payload.push('\n');
            }
            Said::Line(_) | Said::TooLong => return Ok(None),
        }
    }
}

async fn answer(
    wire: &mut Wire,
    client: &mut Client,
    shared: &Shared,
    words: &Words,
    payload: Option<&str>,
) -> Result<(), Gone> {
    let mut answer = Answer::new(wire, client.severity, client.timeout);
    match table::find(&words.0, client) {
        Found::Command(command) => {
            let named = command.name.split(' ').count();
            let mut call = Call { words: &words.0, named, payload, client, shared };
            match command.run {
                Run::Now(run) => run(&mut call, &mut answer),
                Run::Later(run) => run(&mut call, &mut answer).await,
            }
        }
        Found::Denied => answer.refuse("Permission denied"),
        Found::Restricted(mode) => {
            answer.refuse(format_args!("This command is restricted to {mode} mode only."));
        }
        Found::Nothing if let Some((name, why)) = absent::refused(&words.0) => {
            answer.refuse(format_args!("'{name}' is not to be had: {why}."));
        }
        Found::Nothing => {
            let text = table::unknown(&words.0, client);
            answer.say(LogLevel::Info, text.trim_end());
        }
    }
    if client.quits {
        return answer.flush().await;
    }
    answer.push("\n");
    if client.prompt == Prompt::Shown {
        if client.timed {
            let up = shared.process.uptime(clock::now()).as_secs();
            let (days, hours) = (up / 86_400, up / 3_600 % 24);
            // Writing to a string cannot fail.
            let _ = write!(answer, "[{days}:{hours:02}:{:02}:{:02}]", up / 60 % 60, up % 60);
        }
        answer.push("> ");
    }
    answer.flush().await
}
