//! Questions and answers of DNS as bytes (RFC 1035, RFC 2782, RFC 6891).

use domain::base::iana::Rcode;
use domain::base::name::FlattenInto as _;
use domain::base::{Message, MessageBuilder, Name, ParsedName, Rtype};
use domain::rdata::{A, Aaaa, Srv};

use super::{Item, Kind, Service, Status};

/// Most items taken from one answer; the others are not looked at.
pub const ITEMS_MAX: usize = 512;
/// Longest answer of a name server, in bytes: what `accepted_payload_size` may say.
pub const ANSWER_BYTES_MAX: usize = 8192;
/// What is accepted over UDP without a word about it.
pub const PAYLOAD_DEFAULT: u16 = 512;

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the question.
    pub id: u16,
    /// What was asked about which name.
    pub question: (Kind, String),
    /// What kind of an end this is for the question.
    pub status: Status,
    /// What was said, in the order of the message.
    pub items: Vec<Item>,
    /// It did not fit: the rest has to be asked for over TCP.
    pub truncated: bool,
}

/// A name as names are compared here: lower case, without the final dot.
#[must_use]
pub fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether `name` can be asked for.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.parse::<Name<Vec<u8>>>().is_ok()
}

/// The question `kind` about `name`, with number `id`; answers of up to `payload` bytes are
/// accepted over UDP. `None` where `name` cannot be asked for (see [`is_name`]).
#[must_use]
pub fn question(id: u16, kind: Kind, name: &str, payload: u16) -> Option<Vec<u8>> {
    let name: Name<Vec<u8>> = name.parse().ok()?;
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(id);
    message.header_mut().set_rd(true);
    let mut questions = message.question();
    questions.push((&name, rtype(kind))).ok()?;
    let mut additional = questions.additional();
    let sized = additional.opt(|opt| {
        opt.set_udp_payload_size(payload);
        Ok(())
    });
    sized.ok()?;
    Some(additional.finish())
}

/// What `bytes` say, or `None` for what is no answer to a question of ours.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let message = Message::from_slice(bytes).ok()?;
    let header = message.header();
    if !header.qr() {
        return None;
    }
    let asked = message.sole_question().ok()?;
    let kind = match asked.qtype() {
        Rtype::A => Kind::A,
        Rtype::AAAA => Kind::Aaaa,
        Rtype::SRV => Kind::Srv,
        _ => return None,
    };
    let mut answer = Answer {
        id: header.id(),
        question: (kind, text(asked.qname())),
        status: match header.rcode() {
            Rcode::NOERROR => Status::Valid,
            Rcode::NXDOMAIN => Status::Nx,
            Rcode::REFUSED => Status::Refused,
            _ => Status::Other,
        },
        items: Vec::new(),
        truncated: header.tc(),
    };
    if answer.truncated && answer.status == Status::Valid {
        // A part of what there is would take the place of all of it: as HAProxy, we ask again.
        answer.status = Status::Other;
    } else if answer.status == Status::Valid {
        answer.items = items(message, kind)?;
        if answer.items.is_empty() {
            answer.status = Status::Other;
        }
    }
    Some(answer)
}

/// The items of `kind` for the asked name, aliases followed as the message has them.
fn items(message: &Message<[u8]>, kind: Kind) -> Option<Vec<Item>> {
    let owner = message.canonical_name()?;
    let records = message.answer().ok()?;
    let mut items = Vec::new();
    for record in records.into_records::<domain::rdata::AllRecordData<_, ParsedName<_>>>() {
        // A record of a kind we did not ask for may be broken for all we care.
        let Ok(record) = record else { return None };
        if *record.owner() != owner || items.len() == ITEMS_MAX {
            continue;
        }
        use domain::rdata::AllRecordData as Data;
        let item = match (kind, record.data()) {
            (Kind::A, Data::A(data)) => Item::Address(A::addr(data).into()),
            (Kind::Aaaa, Data::Aaaa(data)) => Item::Address(Aaaa::addr(data).into()),
            (Kind::Srv, Data::Srv(data)) => Item::Service(service(data)),
            _ => continue,
        };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Some(items)
}

fn service(record: &Srv<ParsedName<&[u8]>>) -> Service {
    Service { target: text(record.target()), port: record.port(), weight: record.weight() }
}

fn text(name: &ParsedName<&[u8]>) -> String {
    let flat: Result<Name<Vec<u8>>, _> = name.try_flatten_into();
    flat.map(|name| canonical(&name.to_string())).unwrap_or_default()
}

const fn rtype(kind: Kind) -> Rtype {
    match kind {
        Kind::A => Rtype::A,
        Kind::Aaaa => Rtype::AAAA,
        Kind::Srv => Rtype::SRV,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The answer to `question` with `rcode` and `records` (type, data).
    fn reply(question: &[u8], rcode: u8, records: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = question.to_vec();
        bytes[2] |= 0x80;
        bytes[3] = rcode;
        let count = u16::try_from(records.len()).unwrap();
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        // Without the OPT record of the question.
        bytes[10..12].fill(0);
        bytes.truncate(bytes.len() - 11);
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn a_question_has_its_name_kind_and_size() {
        let bytes = question(0x1234, Kind::A, "db.test", 4096).unwrap();
        let mut wanted = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        wanted.extend(b"\x02db\x04test\0\0\x01\0\x01");
        wanted.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes, wanted);
        assert_eq!(question(1, Kind::A, "a..b", 512), None);
    }

    #[test]
    fn answers_are_read() {
        let asked = question(7, Kind::A, "DB.test", 512).unwrap();
        let records = [(1, vec![10, 0, 0, 1]), (1, vec![10, 0, 0, 2]), (1, vec![10, 0, 0, 1])];
        let read = answer(&reply(&asked, 0, &records)).unwrap();
        assert_eq!((read.id, read.question), (7, (Kind::A, "db.test".to_owned())));
        let address = |last| Item::Address([10, 0, 0, last].into());
        assert_eq!((read.status, read.items), (Status::Valid, vec![address(1), address(2)]));
        for (rcode, status) in [(3, Status::Nx), (5, Status::Refused), (2, Status::Other)] {
            assert_eq!(answer(&reply(&asked, rcode, &[])).unwrap().status, status);
        }
        assert_eq!(answer(&reply(&asked, 0, &[])).unwrap().status, Status::Other);
        assert_eq!(answer(&asked), None, "a question is no answer");
    }

    #[test]
    fn services_are_read() {
        let asked = question(7, Kind::Srv, "_pg._tcp.test", 512).unwrap();
        let data = [&[0, 1, 1, 0, 0x1b, 0x59][..], b"\x03One\x04test\0"].concat();
        let read = answer(&reply(&asked, 0, &[(33, data)])).unwrap();
        let service = Service { target: "one.test".to_owned(), port: 7001, weight: 256 };
        assert_eq!(read.items, [Item::Service(service)]);
    }

    #[test]
    fn aliases_are_followed() {
        let asked = question(7, Kind::A, "db.test", 512).unwrap();
        let mut bytes = reply(&asked, 0, &[(5, b"\x03pg1\xc0\x0f".to_vec())]);
        bytes[7] = 2;
        // The second record belongs to the alias' target, which stands in the first.
        bytes.extend(b"\x03pg1\x04test\0");
        bytes.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 9]);
        let read = answer(&bytes).unwrap();
        assert_eq!(read.items, [Item::Address([10, 0, 0, 9].into())]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = answer(&bytes);
        }

        #[test]
        fn damaged_answers_are_survived(at in 0usize..60, value: u8, cut in 0usize..80) {
            let asked = question(7, Kind::Srv, "_pg._tcp.test", 512).unwrap();
            let data = [&[0, 1, 1, 0, 0x1b, 0x59][..], b"\x03One\x04test\0"].concat();
            let mut bytes = reply(&asked, 0, &[(33, data)]);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 8));
            let _ = answer(&bytes);
        }
    }
}
