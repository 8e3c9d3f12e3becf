//! A worker under a master: everything a process of its own does, with the configuration and the
//! listening sockets from the master, at the start as for each reload.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::sync::mpsc;

use super::master::order::{Answer, Order, Refusal, send_answer};
use super::master::receive;
use super::signals::Pending;
use super::supply::Supply;
use super::world::Replay;
use super::{Control, Ended, Options, StartError, complete, identity, prepare};
use crate::config::diag::Look;
use crate::control::cli::routed;

/// Serves what the master at the other end of `link` orders.
///
/// # Errors
/// What was refused; the master is told, too.
pub(super) fn run(options: &Options, link: UnixStream) -> Result<Ended, StartError> {
    let broken = |error| StartError::because("take orders", &error);
    let Some((_, greeting)) = receive(&link).map_err(broken)? else { return Ok(Ended::Done) };
    let Some((order, sockets)) = Order::receive(&link).map_err(broken)? else {
        return Ok(Ended::Done);
    };
    let (sender, orders) = mpsc::channel(1);
    // HAProxy's program in the master's place gives no orders, and has the line alone: the master is
    // gone when both have ended.
    let present = sender.clone();
    match start(options, order, sockets, orders) {
        Ok((runtime, control)) => {
            send_answer(&link, &Ok(String::new())).map_err(broken)?;
            std::thread::Builder::new()
                .name("orders".to_owned())
                .spawn(move || listen(&link, &sender))
                .map_err(|e| StartError::because("listen to the master", &e))?;
            let commands = Arc::clone(&control.commands);
            let ended = complete(runtime, async move {
                for line in greeting {
                    let (commands, present) = (Arc::clone(&commands), present.clone());
                    tokio::spawn(async move {
                        let ended = routed::serve(line, commands).await;
                        drop(present);
                        ended
                    });
                }
                drop(present);
                control.supervise().await
            });
            Ok(ended)
        }
        Err(StartError::Refused(errors)) => {
            // The master says it: one voice is enough.
            send_answer(&link, &Err(Refusal::Because(errors))).map_err(broken)?;
            Err(StartError::Refused(Vec::new()))
        }
    }
}

fn start(
    options: &Options,
    order: Order,
    sockets: Vec<OwnedFd>,
    orders: mpsc::Receiver<Pending>,
) -> Result<(tokio::runtime::Runtime, Control), StartError> {
    let Order { texts, recording, places } = order;
    let loaded = options.sources.load_texts(texts, &mut Replay(recording));
    options.sources.keep(&loaded);
    let said = loaded.text(Look::Plain);
    let variables: Vec<_> = loaded.variables().collect();
    let Some(config) = loaded.config else {
        let what = "the worker does not understand what the master does".to_owned();
        return Err(StartError::Refused(vec![what]));
    };
    let refused = |refused| StartError::Refused(vec![refused]);
    let mut supply = Supply::given(places, sockets);
    let prepared =
        prepare(config, said, &mut supply, options.memory_mib).map_err(StartError::Refused)?;
    let global = &prepared.config.global;
    identity::assume(prepared.identity, global).map_err(refused)?;
    let runtime = super::runtime()?;
    let control = Control::start(prepared, options, &runtime, Some(orders))?;
    control.context.process.environment.set(variables.into_iter());
    Ok((runtime, control))
}

/// Passes orders on, one at a time, until the master or this process is done.
fn listen(link: &UnixStream, orders: &mpsc::Sender<Pending>) {
    while let Ok(Some((order, sockets))) = Order::receive(link) {
        let (sender, answer) = sync_channel(1);
        let pending = Pending { order, sockets, answer: sender };
        // A process that stops drops the order with its sender.
        let sent = orders.blocking_send(pending).is_ok();
        let why = vec!["the worker is stopping".to_owned()];
        let refused: Answer = Err(Refusal::Because(why));
        let answer = if sent { answer.recv().unwrap_or(refused) } else { refused };
        if send_answer(link, &answer).is_err() {
            return;
        }
    }
}
