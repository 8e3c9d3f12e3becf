//! How a failed tcp-check names its step: by number and by comment, compared with haproxy.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Scene};

both! {
    comments_count_as_steps_and_name_them,
}

/// Rules on a server that says `NO WAY` and closes, and the step they fail at.
const UNMET: [(&str, &str); 9] = [
    ("comment one; expect string OK", "2 comment: one"),
    ("comment one; connect; expect string OK", "3"),
    ("connect; comment one; expect string OK", "3 comment: one"),
    ("connect; comment one; expect string NO; expect string OK", "4 comment: one"),
    ("comment one; comment two; expect string OK", "3 comment: two"),
    ("comment one; expect comment own string NO; expect string OK", "3 comment: one"),
    ("comment one; expect string OK min-recv 2 comment own", "2 comment: own"),
    ("comment one; send x; expect string OK", "3"),
    ("expect string NO; comment one; expect comment own string OK", "3 comment: own"),
];

/// Rules on a server that nobody listens for, and what they say.
const REFUSED: [(&str, &str); 5] = [
    ("", "at initial connection step of tcp-check"),
    ("comment one", "at initial connection step of tcp-check"),
    ("comment one; expect string OK", "at initial connection step of tcp-check"),
    ("comment one; connect; expect string OK", "at step 2 of tcp-check (connect) comment: 'one'"),
    ("connect; expect string OK; comment one", "at step 1 of tcp-check (connect)"),
];

fn comments_count_as_steps_and_name_them(kind: Kind) {
    let said = Backend::new(|mut stream| async move {
        let _ = stream.write_all(b"NO WAY").await;
        let _ = stream.shutdown().await;
        while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
    });
    let cases = UNMET
        .map(|(rules, step)| {
            (rules, said.addr, format!("TCPCHK did not match content 'OK' at step {step}"))
        })
        .into_iter()
        .chain(
            REFUSED
                .map(|(rules, place)| (rules, free_addr(), format!("Connection refused {place}"))),
        );
    let silent = Backend::new(|mut stream| async move {
        let _ = stream.read(&mut [0; 64]).await;
        let _ = stream.shutdown().await;
        while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
    });
    let rules = "connect; send x; comment one; expect string OK";
    let empty = "TCPCHK got an empty response at step 4 comment: 'one'".to_owned();
    let mute = Backend::silent();
    let waited = " at step 2 of tcp-check (expect binary '<FF><FE>') comment: 'one'".to_owned();
    let binary = "comment one; expect binary fffe";
    let cases = cases.chain([(rules, silent.addr, empty), (binary, mute.addr, waited)]);
    let mut scene = Scene::new(kind);
    let mut expected = Vec::new();
    for (number, (rules, addr, info)) in cases.enumerate() {
        let check = format!("backend b{number}\noption tcp-check\ntimeout check 1s\n");
        scene = scene.backend(&check);
        for rule in rules.split("; ").filter(|rule| !rule.is_empty()) {
            scene = scene.backend(&format!("tcp-check {rule}\n"));
        }
        scene = scene.backend(&format!("server s1 {addr} check inter 200ms fall 1\n"));
        expected.push((format!("Server b{number}/s1 is DOWN"), format!("info: \"{info}\",")));
    }
    let proxy = scene.start();
    for (down, info) in expected {
        proxy.log.expect(&[&down, &info]);
    }
}
