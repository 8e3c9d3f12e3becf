//! The process and its logs, of every shape that validation can yield.

use std::path::PathBuf;

use super::*;
use crate::config::DefaultPath;
use crate::pure::cpu_map::CpuMap;

pub(super) fn global() -> impl Strategy<Value = Global> {
    (
        (
            of(limit()),
            of(1u16..=64),
            vec(log_target().boxed(), 0..3),
            of(text().boxed()),
            of("[a-z]{0,3}"),
        ),
        (
            of(text().boxed()),
            of(text().boxed()),
            of(0..u32::MAX),
            of(0..u32::MAX),
            of("/[a-z]{1,5}"),
        ),
        (of("/[a-z]{1,5}"), any::<bool>(), of(duration()), 0u8..=50, of(duration())),
        (1024usize..100_000, sockets::tuning()),
        life(),
    )
        .prop_map(|(first, second, third, (bufsize, tuning), life)| Global {
            life,
            maxconn: first.0,
            nbthread: first.1.and_then(NonZeroU16::new),
            log: first.2,
            log_tag: first.3,
            log_send_hostname: first.4,
            user: second.0,
            group: second.1,
            uid: second.2,
            gid: second.3,
            chroot: second.4.map(Into::into),
            chroot_place: Place::default(),
            pidfile_place: Place::default(),
            pidfile: third.0.map(Into::into),
            server_state_file: None,
            server_state_base: None,
            state_dir: None,
            daemon: third.1,
            hard_stop_after: third.2,
            spread_checks_percent: third.3,
            max_spread_checks: third.4,
            bufsize,
            tuning,
            variables: Vec::new(),
        })
}

fn life() -> impl Strategy<Value = Life> {
    let rights = Capability::all().iter().map(|&(_, right)| right).collect::<Vec<_>>();
    (
        any::<[bool; 5]>(),
        (of(duration()), of(duration())),
        (of(text().boxed()), of(text().boxed()), of(text().boxed())),
        (of(limit()), of(limit())),
        proptest::sample::subsequence(rights, 0..=4),
        placing(),
    )
        .prop_map(|(flags, (grace, busy_poll), texts, limits, setcap, placing)| Life {
            master_worker: flags[0],
            no_exit_on_failure: flags[1],
            zero_warning: flags[2],
            quiet: flags[3],
            lenient_limits: flags[4],
            grace: grace.filter(|grace| !grace.is_zero()),
            busy_poll: busy_poll.filter(|window| !window.is_zero()),
            node: texts.0,
            description: texts.1,
            localpeer: texts.2,
            ulimit_n: limits.0,
            fd_hard_limit: limits.1,
            setcap,
            mworker_max_reloads: placing.0,
            default_path: placing.1,
            cpu_map: placing.2,
        })
}

fn placing() -> impl Strategy<Value = (Option<u32>, DefaultPath, CpuMap)> {
    let path = prop_oneof![
        Just(DefaultPath::Current),
        Just(DefaultPath::Config),
        Just(DefaultPath::Parent),
    ];
    let lines = proptest::sample::subsequence(vec!["1/all 0-3", "auto:1/1-2 5 4", "1/2 7"], 0..=3);
    let map = lines.prop_map(|lines| {
        let mut map = CpuMap::default();
        lines.into_iter().for_each(|line| map.add(line).unwrap());
        map
    });
    (proptest::option::of(0..90u32), path, map)
}

pub(super) fn log_target() -> impl Strategy<Value = LogTarget> {
    let sink = prop_oneof![
        address().boxed().prop_map(LogSink::Udp),
        "/[a-z]{1,5}".prop_map(|path| LogSink::Unix(path.into())),
        Just(LogSink::Unix("relative".into())),
        "[a-z]{1,5}".prop_map(|name| LogSink::Abstract(name.into())),
        Just(LogSink::Stdout),
        Just(LogSink::Stderr),
        (0..9i32).prop_map(LogSink::Fd),
        address().boxed().prop_map(|to| LogSink::Stream(LogStream::Tcp(to))),
        "/[a-z]{1,5}".prop_map(|path| LogSink::Stream(LogStream::Unix(path.into()))),
    ];
    let framing = prop_oneof![
        Just(LogFraming::Local),
        Just(LogFraming::Rfc3164),
        Just(LogFraming::Rfc5424),
        Just(LogFraming::Iso),
        Just(LogFraming::Raw),
    ];
    let facility = proptest::sample::select(Facility::names());
    let level = || proptest::sample::select(LogLevel::all());
    let len = prop_oneof![Just(1024), 80usize..=65535];
    let sample = proptest::option::of((1u32..4, 4u32..9).prop_map(|(low, high)| LogSample {
        ranges: vec![(number(low), number(low)), (number(4), number(high))],
        size: number(high),
    }));
    (sink, framing, len, facility, level(), level(), sample).prop_map(
        |(sink, framing, len, facility, level, minlevel, sample)| LogTarget {
            sink,
            framing,
            len,
            facility: Facility::from_name(facility).unwrap(),
            level: level.1,
            minlevel: minlevel.1,
            sample,
        },
    )
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

pub(super) fn ring() -> impl Strategy<Value = Ring> {
    let time = || proptest::option::of((1u64..90).prop_map(Duration::from_secs));
    let framing = prop_oneof![Just(LogFraming::Raw), Just(LogFraming::Rfc5424)];
    let file = proptest::option::of("/[a-z]{1,5}".prop_map(PathBuf::from));
    let sizes = (1usize..=16_384, 16_384usize..=1 << 20);
    (framing, file, sizes, time(), time(), any::<bool>()).prop_map(
        |(framing, backing_file, (maxlen, size), connect, stall, described)| Ring {
            name: Name::new("r1").expect("a name"),
            description: described.then(|| "some \"text\"".to_owned()),
            framing,
            maxlen: if described { maxlen } else { size },
            size,
            backing_file,
            connect,
            stall,
            servers: Vec::new(),
        },
    )
}
