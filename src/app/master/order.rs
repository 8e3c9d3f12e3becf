//! What the master tells its worker: a configuration and its new sockets; and what it hears back.
//!
//! The worker repeats the master's load, from the texts and the recorded answers: it needs no right
//! to read anything.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::link::{self, Reader, Writer};
use crate::app::world::Recording;

/// A configuration to follow.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Order {
    /// Names and texts of the files.
    pub(in crate::app) texts: Vec<(String, String)>,
    /// What the world answered.
    pub(in crate::app) recording: Recording,
    /// The listening sockets that come along: whose they are, and how many each.
    pub(in crate::app) places: Vec<(String, usize)>,
}

impl Order {
    /// Sends it with its sockets, place after place.
    ///
    /// # Errors
    /// What the socket says.
    pub(super) fn send(&self, link: &UnixStream, sockets: &[OwnedFd]) -> io::Result<()> {
        let mut writer = Writer::default();
        writer.number(self.texts.len());
        for (name, text) in &self.texts {
            writer.text(name.as_bytes());
            writer.text(text.as_bytes());
        }
        writer.number(self.recording.0.len());
        for (question, answer) in &self.recording.0 {
            writer.text(question);
            match answer {
                Ok(values) => {
                    writer.text(b"");
                    writer.number(values.len());
                    values.iter().for_each(|value| writer.text(value));
                }
                Err(why) => writer.text(why.as_bytes()),
            }
        }
        writer.number(self.places.len());
        for (place, count) in &self.places {
            writer.text(place.as_bytes());
            writer.number(*count);
        }
        link::send(link, &writer.0, sockets)
    }

    /// Waits for the next one; `None` once the master is gone.
    ///
    /// # Errors
    /// What the socket says, or a message that is no order.
    pub(in crate::app) fn receive(link: &UnixStream) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let Some((body, sockets)) = link::receive(link)? else { return Ok(None) };
        let order = Self::read(&mut Reader(&body)).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some((order, sockets)))
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let texts = reader.list(|reader| Some((reader.text()?, reader.text()?)))?;
        let answers = reader.list(|reader| {
            let question = reader.bytes()?.to_vec();
            let why = reader.text()?;
            let answer = if why.is_empty() {
                Ok(reader.list(|reader| reader.bytes().map(<[u8]>::to_vec))?)
            } else {
                Err(why)
            };
            Some((question, answer))
        })?;
        let places = reader.list(|reader| Some((reader.text()?, reader.number()?)))?;
        Some(Self { texts, recording: Recording(answers.into_iter().collect()), places })
    }
}

/// The worker's answer: what it did, or why it goes on as before.
pub(in crate::app) type Answer = Result<String, Refusal>;

/// Why a worker goes on as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) enum Refusal {
    /// Each reason.
    Because(Vec<String>),
    /// Commands shut these frontends down, which the master cannot know: their sockets are wanted, too.
    Lacks(Vec<String>),
}

impl Refusal {
    /// Each reason.
    pub(super) fn said(self) -> Vec<String> {
        match self {
            Self::Because(why) => why,
            Self::Lacks(names) => {
                names.iter().map(|name| format!("the sockets of '{name}' are missing")).collect()
            }
        }
    }
}

/// Sends an answer.
///
/// # Errors
/// What the socket says.
pub(in crate::app) fn send_answer(link: &UnixStream, answer: &Answer) -> io::Result<()> {
    let mut writer = Writer::default();
    match answer {
        Ok(done) => {
            writer.number(1);
            writer.text(done.as_bytes());
        }
        Err(refusal) => {
            let (kind, list) = match refusal {
                Refusal::Because(why) => (0, why),
                Refusal::Lacks(names) => (2, names),
            };
            writer.number(kind);
            writer.number(list.len());
            list.iter().for_each(|text| writer.text(text.as_bytes()));
        }
    }
    link::send(link, &writer.0, &[] as &[OwnedFd])
}

/// Waits for an answer; a worker that died has none, which is an error.
///
/// # Errors
/// What the socket says.
pub(super) fn receive_answer(link: &UnixStream) -> io::Result<Answer> {
    let Some((body, _)) = link::receive(link)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let mut reader = Reader(&body);
    let answer = match reader.number() {
        Some(1) => reader.text().map(Ok),
        Some(0) => reader.list(Reader::text).map(|why| Err(Refusal::Because(why))),
        Some(2) => reader.list(Reader::text).map(|names| Err(Refusal::Lacks(names))),
        _ => None,
    };
    answer.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        let answers = [
            (b"a".to_vec(), Ok(vec![b"\xff\0".to_vec(), Vec::new()])),
            (b"b".to_vec(), Err("no such host".to_owned())),
        ];
        let order = Order {
            texts: vec![("a.cfg".to_owned(), "global\n".to_owned())],
            recording: Recording(answers.into_iter().collect()),
            places: vec![("fe 0".to_owned(), 2), ("fe 1".to_owned(), 0)],
        };
        let sockets = [here.as_fd().try_clone_to_owned().unwrap()];
        order.send(&here, &sockets).unwrap();
        let (received, sockets) = Order::receive(&there).unwrap().unwrap();
        assert_eq!((received, sockets.len()), (order, 1));
    }

    #[test]
    fn answers_arrive_as_they_were_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        let list = || vec!["a".to_owned(), "b".to_owned()];
        for answer in
            [Ok("done".to_owned()), Err(Refusal::Because(list())), Err(Refusal::Lacks(list()))]
        {
            send_answer(&here, &answer).unwrap();
            assert_eq!(receive_answer(&there).unwrap(), answer);
        }
        drop(here);
        assert!(receive_answer(&there).is_err());
    }
}
