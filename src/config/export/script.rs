//! Pure: the steps of `tcp-check` and `http-check`.

use super::http_check::{http_expect, http_send};
use super::text::{Pairs, bytes, hex, quote};
use crate::config::model::{Assigned, HttpExpect, Layer, Payload, PortFrom, ScriptStep};

/// One step as an inline table.
pub(super) fn script(step: &ScriptStep) -> Pairs {
    let mut pairs = Pairs::default();
    let comment = match step {
        ScriptStep::Comment(comment) => {
            pairs.add("comment", quote(comment));
            return pairs;
        }
        ScriptStep::Connect { comment, .. } => {
            connect(&mut pairs, step);
            comment
        }
        ScriptStep::Send { data, comment } => {
            match data {
                Payload::Binary(data) => pairs.add("send_binary", hex(data)),
                Payload::Text(data) => pairs.add("send", bytes(data)),
                Payload::Format(format) => pairs.add("send_lf", bytes(format.text())),
                Payload::BinaryFormat(format) => {
                    pairs.add("send_binary_lf", bytes(format.text()));
                }
            }
            comment
        }
        ScriptStep::HttpSend(send) => {
            pairs.add("send", http_send(send).inline());
            &send.comment
        }
        ScriptStep::HttpExpect(expect) => {
            let bare = HttpExpect { comment: None, ..expect.clone() };
            pairs.add("expect", http_expect(&bare).inline());
            &expect.comment
        }
        ScriptStep::SetVar(name, assigned) => {
            pairs.add("set_var", quote(&name.to_string()));
            match assigned {
                Assigned::Sample(expr) => pairs.add("to", quote(&expr.text)),
                Assigned::Format(format) => pairs.add("to_lf", bytes(format.text())),
            }
            &None
        }
        ScriptStep::UnsetVar(name) => {
            pairs.add("unset_var", quote(&name.to_string()));
            &None
        }
        ScriptStep::Expect(expect) => {
            pairs.add("expect", super::check::expect(expect));
            &expect.comment
        }
    };
    pairs.maybe("comment", comment.as_ref().map(|comment| quote(comment)));
    pairs
}

fn connect(pairs: &mut Pairs, step: &ScriptStep) {
    let ScriptStep::Connect { port, addr, send_proxy, via_socks4, linger, layer, .. } = step else {
        return;
    };
    let mut options = Pairs::default();
    options.maybe(
        "port",
        port.as_ref().map(|port| match port {
            PortFrom::Fixed(port) => port.to_string(),
            PortFrom::Sample(expr) => quote(&expr.text),
        }),
    );
    options.maybe("addr", addr.as_ref().map(|addr| quote(&addr.to_string())));
    options.flag("send_proxy", *send_proxy);
    options.flag("via_socks4", *via_socks4);
    options.flag("linger", *linger);
    options.flag("default", *layer == Layer::Default);
    if let Layer::Tls { sni, alpn } = layer {
        options.flag("ssl", true);
        options.maybe("sni", sni.as_ref().map(|sni| quote(sni)));
        options.maybe("alpn", alpn.as_ref().map(|alpn| quote(alpn)));
    }
    match options.is_empty() {
        true => pairs.flag("connect", true),
        false => pairs.table("connect", &options),
    }
}
