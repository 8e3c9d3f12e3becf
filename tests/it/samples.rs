//! Samples: what fetches and converters yield, in both programs.

mod converters;

use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Scene};

both! {
    converters_yield_what_was_recorded,
}

/// What a log line shows for each of `samples`. Lines of a configuration are short, and so there is
/// a frontend for each few of them.
fn shown(kind: Kind, samples: &[&str]) -> Vec<String> {
    const FRONTEND_SAMPLES: usize = 12;
    let mut text = String::from(
        "global\n  log {log} len 8192 format raw local0\n\
         defaults\n  mode tcp\n  log global\n  timeout client 10s\n\
         frontend fe\n  bind {front}\n",
    );
    let groups: Vec<_> = samples.chunks(FRONTEND_SAMPLES).map(|rows| (free_port(), rows)).collect();
    for (number, (port, rows)) in groups.iter().enumerate() {
        let format: String = rows.iter().map(|row| format!("~%[{row}]")).collect();
        let format = format.replace('\'', r"'\''");
        text.push_str(&format!(
            "frontend f{number}\n  bind 127.0.0.1:{port}\n\
             \x20 tcp-request connection set-var(sess.v) str(xyz)\n\
             \x20 tcp-request connection set-var(sess.n) int(7)\n\
             \x20 log-format '<{number}>{format}~'\n"
        ));
    }
    let proxy = Scene::new(kind).whole(&text).start();
    let mut shown = Vec::new();
    for (number, (port, rows)) in groups.iter().enumerate() {
        Client::connect(([127, 0, 0, 1], *port).into()).drain();
        let line = proxy.log.expect(&[&format!("<{number}>~")]);
        let values: Vec<_> = line.split('~').skip(1).take(rows.len()).map(str::to_owned).collect();
        assert_eq!(values.len(), rows.len(), "{line}");
        shown.extend(values);
    }
    shown
}

fn converters_yield_what_was_recorded(kind: Kind) {
    let (samples, recorded): (Vec<_>, Vec<_>) = converters::ROWS.iter().copied().unzip();
    let shown = shown(kind, &samples);
    let rows = samples.iter().zip(shown.iter().zip(recorded));
    let wrong: Vec<_> = rows.filter(|(_, (shown, recorded))| *shown != recorded).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
