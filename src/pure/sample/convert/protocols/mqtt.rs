//! MQTT 3.1, 3.1.1 and 5.0: the client's CONNECT and the server's CONNACK.

/// A packet that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    /// The client's first.
    Connect,
    /// The answer to it.
    Connack,
}

/// What a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Field {
    Flags,
    ProtocolName,
    ProtocolVersion,
    ClientIdentifier,
    WillTopic,
    WillPayload,
    Username,
    Password,
    Keepalive,
    ReasonCode,
    /// MQTT 5.0 §2.2.2.2.
    Property(u8),
}

const CONNECT: [(&str, Field); 9] = [
    ("flags", Field::Flags),
    ("protocol_name", Field::ProtocolName),
    ("protocol_version", Field::ProtocolVersion),
    ("client_identifier", Field::ClientIdentifier),
    ("will_topic", Field::WillTopic),
    ("will_payload", Field::WillPayload),
    ("username", Field::Username),
    ("password", Field::Password),
    ("keepalive", Field::Keepalive),
];

const CONNACK: [(&str, Field); 3] = [
    ("flags", Field::Flags),
    ("protocol_version", Field::ProtocolVersion),
    ("reason_code", Field::ReasonCode),
];

/// Properties by the place they may have; 38 has no value here.
const CONNECT_PROPERTIES: [u8; 9] = [17, 21, 22, 23, 25, 33, 34, 38, 39];
const WILL_PROPERTIES: [u8; 7] = [1, 2, 3, 8, 9, 24, 38];
const CONNACK_PROPERTIES: [u8; 17] =
    [17, 18, 19, 21, 22, 26, 28, 31, 33, 34, 36, 37, 38, 39, 40, 41, 42];
const USER_PROPERTY: u8 = 38;

/// Version 5.0, by its number on the wire.
const V5: u8 = 5;

impl Packet {
    /// By name or number.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "connect" | "1" => Ok(Self::Connect),
            "connack" | "2" => Ok(Self::Connack),
            _ => Err(format!("'{text}' is no packet that is read: it can be connect, connack")),
        }
    }

    /// A field of it, by name or by the number of a property.
    pub(super) fn field(self, text: &str) -> Result<Field, String> {
        let (names, properties): (&[(&str, Field)], &[&[u8]]) = match self {
            Self::Connect => (&CONNECT, &[&CONNECT_PROPERTIES, &WILL_PROPERTIES]),
            Self::Connack => (&CONNACK, &[&CONNACK_PROPERTIES]),
        };
        let named = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some(&(_, field)) = named {
            return Ok(field);
        }
        let number = text.parse().ok().filter(|number| *number != USER_PROPERTY);
        let number = number.filter(|number| properties.iter().any(|list| list.contains(number)));
        number.map(Field::Property).ok_or_else(|| format!("'{text}' is no field of that packet"))
    }
}

/// Why there are no fields.
enum Unread {
    /// The packet is not whole yet.
    More,
    Bad,
}

type Fields = Vec<(Field, Vec<u8>)>;

/// Whether the first packet is one; `None` where that is not known yet.
pub(super) fn is_valid(bytes: &[u8]) -> Option<bool> {
    match read(bytes) {
        Ok(_) => Some(true),
        Err(Unread::Bad) => Some(false),
        Err(Unread::More) => None,
    }
}

/// What `field` of the first packet says, numbers in digits. A number that version 5.0 leaves out
/// is 0.
pub(super) fn value(bytes: &[u8], packet: Packet, field: Field) -> Option<Vec<u8>> {
    let (_, version, fields) = read(bytes).ok().filter(|read| read.0 == packet)?;
    let value = fields.into_iter().find(|(known, _)| *known == field).map(|row| row.1);
    let is_number = |id: u8| matches!(shape(id), Some(Shape::Number(_)));
    let absent = || match field {
        Field::Property(id) if version == V5 && is_number(id) => Some(b"0".to_vec()),
        _ => None,
    };
    value.or_else(absent)
}

/// The packet, its version and its fields.
fn read(bytes: &[u8]) -> Result<(Packet, u8, Fields), Unread> {
    let packet = match bytes.first() {
        Some(0x10) => Packet::Connect,
        Some(0x20) => Packet::Connack,
        Some(_) => return Err(Unread::Bad),
        None => return Err(Unread::More),
    };
    let (length, body) = variable(&bytes[1..])?;
    let mut body = Reader(body.get(..length).ok_or(Unread::More)?);
    let mut fields = Fields::new();
    let version = match packet {
        Packet::Connect => connect(&mut body, &mut fields)?,
        // An answer does not say its version: that of 3.1.1 is four bytes long.
        Packet::Connack => {
            let version = if bytes.len() == 4 { 4 } else { V5 };
            connack(&mut body, version, &mut fields)?;
            version
        }
    };
    if body.0.is_empty() { Ok((packet, version, fields)) } else { Err(Unread::Bad) }
}

fn connect(body: &mut Reader<'_>, fields: &mut Fields) -> Result<u8, Unread> {
    let name = body.text()?.to_vec();
    let version = body.number(1)?;
    let version = match (name.as_slice(), version) {
        (b"MQIsdp", 3) | (b"MQTT", 4 | 5) => u8::try_from(version).map_err(|_| Unread::Bad)?,
        _ => return Err(Unread::Bad),
    };
    let flags = body.number(1)?;
    let keepalive = body.number(2)?;
    if flags & 1 != 0 {
        return Err(Unread::Bad);
    }
    fields.push((Field::ProtocolName, name));
    for (field, number) in [
        (Field::ProtocolVersion, u32::from(version)),
        (Field::Flags, flags),
        (Field::Keepalive, keepalive),
    ] {
        fields.push((field, digits(number)));
    }
    if version == V5 {
        body.properties(&CONNECT_PROPERTIES, fields)?;
    }
    fields.push((Field::ClientIdentifier, body.text()?.to_vec()));
    if flags & 0x04 != 0 {
        if version == V5 {
            body.properties(&WILL_PROPERTIES, fields)?;
        }
        fields.push((Field::WillTopic, body.text()?.to_vec()));
        fields.push((Field::WillPayload, body.text()?.to_vec()));
    }
    for (bit, field) in [(0x80, Field::Username), (0x40, Field::Password)] {
        if flags & bit != 0 {
            fields.push((field, body.text()?.to_vec()));
        }
    }
    Ok(version)
}

fn connack(body: &mut Reader<'_>, version: u8, fields: &mut Fields) -> Result<(), Unread> {
    let flags = body.number(1)?;
    let code = body.number(1)?;
    if flags > 1 {
        return Err(Unread::Bad);
    }
    fields.push((Field::Flags, digits(flags)));
    fields.push((Field::ReasonCode, digits(code)));
    fields.push((Field::ProtocolVersion, digits(u32::from(version))));
    if version == V5 { body.properties(&CONNACK_PROPERTIES, fields) } else { Ok(()) }
}

fn digits(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// How the value of a property is written.
enum Shape {
    /// A number of so many bytes.
    Number(usize),
    Text,
    Pair,
}

const fn shape(property: u8) -> Option<Shape> {
    Some(match property {
        1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => Shape::Number(1),
        19 | 33 | 34 => Shape::Number(2),
        2 | 17 | 24 | 39 => Shape::Number(4),
        3 | 8 | 9 | 18 | 21 | 22 | 26 | 28 | 31 => Shape::Text,
        USER_PROPERTY => Shape::Pair,
        _ => return None,
    })
}

/// What is left of a packet that is whole: what is missing in it is wrong.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unread::Bad)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<u32, Unread> {
        Ok(self.take(bytes)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn text(&mut self) -> Result<&'a [u8], Unread> {
        let length = self.number(2)? as usize;
        self.take(length)
    }

    fn properties(&mut self, allowed: &[u8], fields: &mut Fields) -> Result<(), Unread> {
        let (length, rest) = variable(self.0).map_err(|_| Unread::Bad)?;
        self.0 = rest;
        let mut inside = Reader(self.take(length)?);
        while let [id, rest @ ..] = inside.0 {
            inside.0 = rest;
            let shape = shape(*id).filter(|_| allowed.contains(id)).ok_or(Unread::Bad)?;
            let value = match shape {
                Shape::Number(bytes) => digits(inside.number(bytes)?),
                Shape::Text => inside.text()?.to_vec(),
                Shape::Pair => {
                    inside.text()?;
                    inside.text()?;
                    continue;
                }
            };
            fields.push((Field::Property(*id), value));
        }
        Ok(())
    }
}

/// A number of one to four bytes, seven bits each, and what follows it (MQTT 3.1.1 §2.2.3).
fn variable(bytes: &[u8]) -> Result<(usize, &[u8]), Unread> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[at + 1..]));
        }
    }
    Err(if bytes.len() < 4 { Unread::More } else { Unread::Bad })
}
