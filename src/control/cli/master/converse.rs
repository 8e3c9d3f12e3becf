//! One client of a master: whom each command is for, and the modes of the conversation.
//!
//! `@1 COMMAND` asks the current worker, `@!PID COMMAND` any, `@master COMMAND` (or `@`, `@0`) the master;
//! a prefix alone turns all that follows to that process. The connection stays open after a line,
//! as HAProxy's does, until the client leaves or a target is not there.

use super::commands::{self, Found};
use super::route::{Routed, route};
use super::{Family, SEND_PATIENCE, Shared, Worker};
use crate::config::model::Level;
use crate::control::cli::answer::Answer;
use crate::control::cli::converse::read_payload;
use crate::control::cli::line::{self, PayloadEnd, Words};
use crate::control::cli::routed::Introduction;
use crate::control::cli::wire::{Gone, Said, Wire};
use crate::control::cli::{Client, Prompt};

/// Talks with a client until it leaves or is sent away.
pub(super) async fn run(wire: Wire, client: Client, shared: &Shared) {
    let mut talk = Talk { wire, client, target: Target::Master, shared };
    // Whoever is gone needs no answer.
    let _ = talk.run().await;
}

struct Talk<'a> {
    wire: Wire,
    client: Client,
    /// Whom commands without a prefix are for.
    target: Target,
    shared: &'a Shared,
}

/// Whom a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Master,
    /// The worker with this process id.
    Worker(u32),
}

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

/// What came behind `<<`, and the line that ended it.
type Payload<'a> = Option<(&'a PayloadEnd, String)>;

impl Talk<'_> {
    async fn run(&mut self) -> Result<(), Gone> {
        loop {
            let line = match self.wire.line(self.client.timeout).await? {
                Said::Line(line) => line,
                Said::TooLong => return self.send("The line is too long.\n").await,
            };
            let (commands, end) = line::parse(&line);
            let last = commands.len() - 1;
            for (at, words) in commands.iter().enumerate() {
                let payload = match end.as_ref().filter(|_| at == last) {
                    None => None,
                    Some(end) => match read_payload(&mut self.wire, &self.client, end).await? {
                        Some(payload) => Some((end, payload)),
                        None => return self.send("The payload is too long.\n").await,
                    },
                };
                if self.obey(words, payload).await? == Next::Leave {
                    return Ok(());
                }
            }
        }
    }

    async fn obey(&mut self, words: &Words, payload: Payload<'_>) -> Result<Next, Gone> {
        let prefix = words.0.first().filter(|word| word.starts_with('@'));
        let Some(prefix) = prefix else {
            if let Some(next) = self.converse(&words.0).await? {
                return Ok(next);
            }
            return self.ask(self.target, words, payload).await;
        };
        let Some(target) = find(&self.shared.family(), prefix) else {
            self.send(&format!("Can't find the target PID matching the prefix '{prefix}'\n"))
                .await?;
            return Ok(Next::Leave);
        };
        let rest = Words(words.0[1..].to_vec());
        if rest.0.is_empty() {
            self.target = target;
            return self.prompt().await;
        }
        self.ask(target, &rest, payload).await
    }

    /// Commands about the conversation itself, which no process has to answer. A mode is off after any
    /// word but `on`, as in HAProxy.
    async fn converse(&mut self, words: &[String]) -> Result<Option<Next>, Gone> {
        let argument = words.get(1).map_or("", String::as_str);
        let allowed = match words.first().map_or("", String::as_str) {
            "prompt" => {
                self.client.prompt = match (argument, self.client.prompt) {
                    ("p", _) | ("", Prompt::None | Prompt::Silent) => Prompt::Shown,
                    _ => Prompt::None,
                };
                true
            }
            "quit" => {
                self.prompt().await?;
                return Ok(Some(Next::Leave));
            }
            "operator" => self.lower(Level::Operator),
            "user" => self.lower(Level::User),
            "expert-mode" => {
                self.client.expert = argument == "on";
                self.client.level == Level::Admin
            }
            "experimental-mode" => {
                self.client.experimental = argument == "on";
                self.client.level == Level::Admin
            }
            _ => return Ok(None),
        };
        if !allowed {
            self.send("Permission denied!\n").await?;
            return Ok(Some(Next::Leave));
        }
        self.prompt().await.map(Some)
    }

    /// Gives rights up; whether there were as many.
    fn lower(&mut self, level: Level) -> bool {
        let had = self.client.level >= level;
        self.client.level = self.client.level.min(level);
        had
    }

    async fn ask(
        &mut self,
        target: Target,
        words: &Words,
        payload: Payload<'_>,
    ) -> Result<Next, Gone> {
        let next = match target {
            Target::Master => self.answer(&words.0).await?,
            Target::Worker(pid) => self.route(pid, words, payload).await?,
        };
        if next == Next::Leave {
            return Ok(Next::Leave);
        }
        self.prompt().await
    }

    /// Answers for the master itself.
    async fn answer(&mut self, words: &[String]) -> Result<Next, Gone> {
        let severity = self.client.severity;
        let mut answer = Answer::new(&mut self.wire, severity, Some(SEND_PATIENCE));
        let mut next = Next::GoOn;
        match commands::find(words) {
            Found::Command(command) if command.level > self.client.level => {
                answer.refuse("Permission denied");
            }
            Found::Command(command) => (command.run)(self.shared, &self.client, words, &mut answer),
            Found::Reload(ask) => {
                if self.client.level < Level::Operator {
                    answer.refuse("Permission denied");
                } else {
                    answer.push(&commands::reload(self.shared, ask).await);
                    next = Next::Leave;
                }
            }
            Found::Nothing => answer.push(&commands::unknown(words)),
        }
        answer.push("\n");
        answer.flush().await?;
        Ok(next)
    }

    /// Lets a worker answer.
    async fn route(&mut self, pid: u32, words: &Words, payload: Payload<'_>) -> Result<Next, Gone> {
        let family = self.shared.family();
        let worker = processes(&family).find(|worker| worker.pid == pid);
        let who = Introduction {
            level: self.client.level,
            expert: self.client.expert,
            experimental: self.client.experimental,
            takes_listeners: false,
        };
        let line = words.line();
        let text = match payload {
            None => format!("{line}\n"),
            Some((PayloadEnd(end), payload)) => format!("{line} <<{end}\n{payload}{end}\n"),
        };
        let routed = match worker {
            Some(worker) => route(&mut self.wire, &worker.line, who, &text).await?,
            None => Routed::Unreachable,
        };
        if routed == Routed::Unreachable {
            self.send("Can't connect to the target CLI!\n").await?;
            return Ok(Next::Leave);
        }
        Ok(Next::GoOn)
    }

    /// Shows where the next command goes, to whoever wants to see it.
    async fn prompt(&mut self) -> Result<Next, Gone> {
        if self.client.prompt == Prompt::Shown {
            let text = prompt(self.target, &self.client, self.shared.family().failed > 0);
            self.send(&text).await?;
        }
        Ok(Next::GoOn)
    }

    async fn send(&mut self, text: &str) -> Result<(), Gone> {
        self.wire.send(text.as_bytes(), Some(SEND_PATIENCE)).await
    }
}

fn processes(family: &Family) -> impl Iterator<Item = &Worker> {
    family.workers.iter().chain(&family.leaving)
}

/// Whom `prefix` means.
fn find(family: &Family, prefix: &str) -> Option<Target> {
    let name = prefix.strip_prefix('@')?;
    if let Some(pid) = name.strip_prefix('!') {
        let pid = pid.parse().ok()?;
        return processes(family).any(|worker| worker.pid == pid).then_some(Target::Worker(pid));
    }
    if matches!(name, "" | "0" | "master") {
        return Some(Target::Master);
    }
    let number: usize = name.parse().ok()?;
    family.workers.get(number.checked_sub(1)?).map(|worker| Target::Worker(worker.pid))
}

fn prompt(target: Target, client: &Client, reload_failed: bool) -> String {
    let mut text = match target {
        Target::Master if reload_failed => "master[ReloadFailed]".to_owned(),
        Target::Master => "master".to_owned(),
        Target::Worker(pid) => pid.to_string(),
    };
    text.push_str(match (client.experimental, client.expert) {
        (true, true) => "(xe)",
        (true, false) => "(x)",
        (false, true) => "(e)",
        (false, false) => "",
    });
    text + "> "
}
