//! The agents of servers: one task each, on the control thread, beside the server's check.
//!
//! An agent's line is applied in HAProxy's order: administration, weight, limit, health. That it
//! cannot be reached changes nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::{sleep, sleep_until};

use super::target::Target;
use super::{Task, driver, report, unix_time_s};
use crate::clock;
use crate::config::model::Source;
use crate::pure::asked;
use crate::pure::health::Outcome;
use crate::pure::health::agent_words::AgentWords;
use crate::pure::health::verdict::Verdict;
use crate::pure::probe::{Context, Probe};
use crate::state::occasion::Before;
use crate::state::{Occasion, publish};

impl Task {
    /// Asks the agent until it is dropped, which gives up the running question.
    pub(super) async fn run_agent(self) -> Infallible {
        let now = clock::now();
        publish::health(&self.backend, &self.server, now, |health| {
            health.handle_agent_cancelled(now);
        });
        loop {
            let due = self.server.next_agent_check();
            tokio::select! {
                biased;
                () = self.server.agent_woken() => {}
                () = sleep_until(due.unwrap_or_else(clock::now).into()), if due.is_some() => {
                    self.ask_agent().await;
                }
            }
        }
    }

    async fn ask_agent(&self) {
        let settings = Arc::clone(&self.server.settings());
        let Some(agent) = &settings.agent else { return };
        let source = self.backend.settings().source_of(&settings).and_then(Source::local);
        let Some(target) = Target::of_agent(&settings.address, agent, source) else {
            // The server's name is not resolved: there is nobody to ask yet.
            return sleep(agent.inter).await;
        };
        let started = clock::now();
        publish::health(&self.backend, &self.server, started, |health| {
            health.handle_agent_started();
        });
        let context = Context {
            answer_bytes_max: self.process.objects().config.global.bufsize,
            down: false,
            unix_time_s: unix_time_s(),
        };
        let mut probe = Probe::for_agent(&agent.send, &context);
        let verdict = driver::run(&target, &mut probe).await;
        let now = clock::now();
        let asks_the_same = {
            let settings = self.server.settings();
            settings.agent.as_ref() == Some(agent)
                && self.server.health().agent().is_some_and(|agent| agent.is_on())
        };
        if asks_the_same {
            self.hear_agent(now, verdict, probe.agent_line());
        } else {
            publish::health(&self.backend, &self.server, now, |health| {
                health.handle_agent_cancelled(now);
            });
        }
    }

    fn hear_agent(&self, now: Instant, verdict: Verdict, line: Option<&[u8]>) {
        let occasion =
            Occasion { process: &self.process, bus: &self.bus, now, wall: clock::wall() };
        let verdict = match line {
            Some(line) => {
                let words = AgentWords::parse(line);
                if let Some(command) = words.admin {
                    occasion.command(&self.backend, &self.server, command);
                }
                let warning = self.obey(now, &words);
                let mut said = words.verdict(warning);
                said.duration = verdict.duration;
                said
            }
            None => verdict,
        };
        if verdict.passed() {
            self.server.forget_errors();
        }
        let before = Before::of(&self.backend, &self.server);
        let random = fastrand::u64(..);
        let Outcome { transition, news } =
            publish::health(&self.backend, &self.server, now, |health| {
                health.handle_agent_verdict(now, verdict.clone(), random)
            });
        if news && self.backend.settings().log_health_checks {
            self.bus.event(report::agent_result(&self.backend, &self.server, &verdict));
        }
        if let Some(transition) = transition {
            let reason = report::reason(&self.backend, &verdict);
            occasion.moved(&self.backend, &self.server, &before, transition, reason);
        }
    }

    /// Changes the server's weight and limit; what was wrong with them, the first of it.
    fn obey(&self, now: Instant, words: &AgentWords) -> Option<&'static str> {
        let fixed = !self.backend.settings().balance.is_dynamic();
        let configured = self.server.configured().weight;
        let weight = words.weight.as_ref().map(|text| asked::weight(text, configured, fixed));
        let maxconn = words.maxconn.as_ref().map(|text| asked::maxconn(text));
        let warning = [weight.and_then(Result::err), maxconn.and_then(Result::err)];
        let in_force = Arc::clone(&self.server.settings());
        let weight = weight.and_then(Result::ok).unwrap_or(in_force.weight);
        let maxconn = maxconn.and_then(Result::ok).unwrap_or(in_force.maxconn);
        // An agent says the same again and again: only what is new makes a new live set.
        if (weight, maxconn) != (in_force.weight, in_force.maxconn) {
            publish::settings(&self.backend, &self.server, now, |settings| {
                (settings.weight, settings.maxconn) = (weight, maxconn);
            });
        }
        warning.into_iter().flatten().next()
    }
}
