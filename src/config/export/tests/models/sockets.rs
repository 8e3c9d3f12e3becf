//! Rates, buffers and socket options of every shape that validation can yield.

use std::num::{NonZeroI32, NonZeroU32};

use super::*;

pub(super) fn tuning() -> impl Strategy<Value = Tuning> {
    let buffers = || {
        (of(limit()), of(limit()), of(limit())).prop_map(|(rcvbuf, sndbuf, notsent_lowat)| {
            SocketBuffers { rcvbuf, sndbuf, notsent_lowat }
        })
    };
    let maxaccept = prop_oneof![Just(NonZeroU32::MAX), limit()];
    let rates = (of(limit()), of(limit()), any::<bool>());
    let pipes = (of(0u32..99), limit(), any::<bool>());
    (rates, maxaccept, pipes, buffers(), buffers()).prop_map(
        |(rates, maxaccept, pipes, client, server)| Tuning {
            maxconnrate: rates.0,
            maxsessrate: rates.1,
            maxsslconn: rates.1,
            maxsslrate: rates.0,
            reject_privileged_ports: rates.2,
            maxaccept,
            multi_queue: !rates.2,
            maxpipes: pipes.0,
            pipesize: pipes.1,
            splice: pipes.2,
            client,
            server,
        },
    )
}

pub(super) fn bind_socket() -> impl Strategy<Value = BindSocket> {
    let mss = of((-65535i32..=65535).prop_filter_map("0 is none", NonZeroI32::new));
    let word = || of("[a-z]{1,5}");
    (mss, word(), word(), any::<[bool; 3]>()).prop_map(|(mss, cc, namespace, flags)| BindSocket {
        mss,
        tfo: flags[0],
        defer_accept: flags[1],
        cc,
        namespace,
        transparent: flags[2],
        netscaler_cip: flags[1].then_some(NonZeroU32::MAX),
    })
}

pub(super) fn server_socket() -> impl Strategy<Value = ServerSocket> {
    let word = || of("[a-z]{1,5}");
    (of(source()), word(), word(), any::<[bool; 6]>()).prop_map(|(source, cc, namespace, flags)| {
        let [crc32c, authority, unique_id, ssl, cert_cn, pp2_never_send_local] = flags;
        let proxy_v2 = ProxyV2Options {
            crc32c,
            authority,
            unique_id,
            ssl: ssl || cert_cn,
            cert_cn,
            ssl_cipher: cert_cn && crc32c,
            cert_sig: cert_cn && authority,
            cert_key: cert_cn && unique_id,
        };
        ServerSocket {
            source,
            cc,
            namespace,
            proxy_v2,
            pp2_never_send_local,
            socks4: ssl.then(|| ([10, 0, 0, 1], 1080).into()),
            check_via_socks4: crc32c,
        }
    })
}

pub(super) fn source() -> impl Strategy<Value = Source> {
    let ports = (1u16..9, 9u16..99).prop_map(|(first, last)| (first, last));
    let usesrc = prop_oneof![
        Just(UseSrc::Local),
        Just(UseSrc::Client),
        Just(UseSrc::ClientIp),
        address().boxed().prop_map(UseSrc::Address),
    ];
    (address().boxed(), of(ports), usesrc, of("[a-z]{1,5}")).prop_map(
        |(address, ports, usesrc, interface)| Source { ip: address.ip(), ports, usesrc, interface },
    )
}

pub(super) fn stats(name: String) -> impl Strategy<Value = Stats> {
    (vec(bind().boxed(), 0..3), prop_oneof![Just("/metrics".to_owned()), "/[a-z]{0,4}"]).prop_map(
        move |(binds, metrics_path)| Stats {
            name: Name::new(&name).unwrap(),
            // It reads no PROXY header.
            binds: binds.into_iter().map(|bind| Bind { accept_proxy: false, ..bind }).collect(),
            metrics_path,
        },
    )
}

/// One that connections may be handed to, as to those of frontends only.
pub(super) fn handed(bind: Bind) -> Bind {
    match bind.address {
        ListenAddr::Fd(number) if number % 2 == 0 => {
            Bind { address: ListenAddr::Sockpair(number), ..bind }
        }
        _ => bind,
    }
}

/// Any that a server may have.
pub(super) fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ];
    let ip = ip.prop_filter("servers have an address", |ip| !ip.is_unspecified());
    (ip, 1..=u16::MAX).prop_map(SocketAddr::from)
}
