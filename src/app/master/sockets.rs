//! The sockets on which the master itself takes commands (`-S`).

use std::os::fd::OwnedFd;

use haproxy_compat::source::SourceMap;

use crate::app::StartError;
use crate::app::features::facts;
use crate::app::load::environment;
use crate::app::world::System;
use crate::config::model::{CommandSocket, Inherited, Place};
use crate::config::{self, Language, Surroundings, diag};
use crate::control::http::Listener;
use crate::net::listen;
use crate::net::listen_error::ListenError;
use crate::sys::inherit::adopt_sealed;

/// One of them: listening, not accepting yet.
#[derive(Debug)]
pub(super) struct MasterSocket {
    pub(super) settings: CommandSocket,
    socket: socket2::Socket,
}

impl MasterSocket {
    /// Opens what `-S` says: `ADDRESS[,OPTION…]`, with the options of a `stats socket`.
    ///
    /// # Errors
    /// What is wrong with the words, or what the system refused.
    pub(super) fn open(text: &str) -> Result<Self, StartError> {
        let mut settings = parse(text).map_err(StartError::Refused)?;
        settings.bind.place = Place::named("master-socket");
        let sockets = listen::open(&settings.bind, &Inherited::default(), 1, Vec::new());
        let said = |error: ListenError| error.of_section("proxy", "MASTER").to_string();
        let socket =
            sockets.map_err(|error| StartError::Refused(vec![said(error)]))?.swap_remove(0);
        Ok(Self { settings, socket })
    }

    /// The same, of a socket that the former program of this process opened.
    ///
    /// # Errors
    /// As [`open`](Self::open)'s.
    pub(super) fn adopt(text: &str, number: i32) -> Result<Self, StartError> {
        let settings = parse(text).map_err(StartError::Refused)?;
        let socket = adopt_sealed(number).map_err(|e| StartError::because("adopt -S", &e))?;
        Ok(Self { settings, socket: socket.into() })
    }

    /// A copy of the socket, which keeps it open.
    ///
    /// # Errors
    /// Descriptors have run out.
    pub(super) fn copy(&self) -> Result<OwnedFd, StartError> {
        let copy = self.socket.try_clone().map_err(|e| StartError::because("copy -S", &e))?;
        Ok(copy.into())
    }

    /// Registers it with the runtime of the caller.
    ///
    /// # Errors
    /// What registering with epoll reports.
    pub(super) fn listen(self) -> Result<(Listener, CommandSocket), StartError> {
        let listener = Listener::new(self.socket, &self.settings.bind.address)
            .map_err(|e| StartError::because("listen for commands", &e))?;
        Ok((listener, self.settings))
    }
}

/// Whether all `-S` words are understood.
///
/// # Errors
/// What is wrong with the first that is not.
pub fn check(texts: &[String]) -> Result<(), StartError> {
    texts.iter().try_for_each(|text| parse(text).map(|_| ()).map_err(StartError::Refused))
}

/// The addresses that `-S` words name, each with its family in front. Words that are wrong are passed
/// over: the start refuses them.
#[must_use]
pub fn addresses(texts: &[String]) -> Vec<String> {
    let sockets = texts.iter().filter_map(|text| parse(text).ok());
    sockets.map(|socket| listen::with_family(&socket.bind.address)).collect()
}

/// Understands the words as those of a `stats socket`, whose level is `admin` where nothing else is
/// said.
fn parse(text: &str) -> Result<CommandSocket, Vec<String>> {
    let mut words = text.split(',').map(quoted);
    let address = words.next().unwrap_or_default();
    let options: Vec<_> = words.collect();
    let line = format!("global\n stats socket {address} level admin {}\n", options.join(" "));
    let mut sources = SourceMap::default();
    sources.add("-S".to_owned(), line);
    let surroundings = &mut Surroundings {
        world: &mut System::default(),
        environment: &mut environment(&[]),
        facts: &facts(),
    };
    let (config, report) = config::load(Language::Haproxy, &sources, surroundings);
    let socket = config.and_then(|config| config.commands.sockets.into_iter().next());
    socket.ok_or_else(|| {
        let said = diag::render_lines(&report, &sources, std::process::id());
        let said = said.lines().map(|line| match line.split_once(" : ") {
            Some((_, rest)) => rest.to_owned(),
            None => line.to_owned(),
        });
        said.chain(["config : Can't create the master's CLI.".to_owned()]).collect()
    })
}

/// A word of `haproxy.cfg` that stands for itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Level, ListenAddr};

    #[test]
    fn options_stand_behind_commas() {
        let socket = parse("/run/ma ster.sock,level,user,mode,600").unwrap();
        assert_eq!(socket.bind.address, ListenAddr::Unix("/run/ma ster.sock".into()));
        assert_eq!(socket.level, Level::User);
        assert_eq!(parse("127.0.0.1:1234").unwrap().level, Level::Admin);
    }

    #[test]
    fn mistakes_are_said() {
        for text in ["/run/m,bogus", "/run/m,level,king", "nonsense", "", "/run/m,mode"] {
            let said = parse(text).unwrap_err().join("\n");
            assert!(said.contains("-S:2"), "{text}: {said}");
            assert!(said.ends_with("Can't create the master's CLI."), "{text}: {said}");
        }
    }
}
