//! The few MySQL packets that a login and one query take, for both ends. Pure: bytes in, bytes
//! out. It follows the client/server protocol 4.1 as MariaDB 10.11 speaks it.

/// What the load asks: the answer tells the two servers apart.
pub(crate) const QUERY: &str = "SELECT @@server_id";

/// Three bytes of length and one of sequence.
const HEADER_BYTES: usize = 4;
const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;
/// LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION and PLUGIN_AUTH.
const CAPABILITIES: u32 = 0x0008_8201;
const CHARSET_UTF8MB4: u8 = 45;
const STATUS_AUTOCOMMIT: [u8; 2] = [2, 0];
const PLUGIN: &[u8] = b"mysql_native_password\0";

/// The payload of the first whole packet in `buf`, and what the packet occupies.
pub(crate) fn first(buf: &[u8]) -> Option<(&[u8], usize)> {
    let header = buf.first_chunk::<HEADER_BYTES>()?;
    let len = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
    let end = HEADER_BYTES + len;
    Some((buf.get(HEADER_BYTES..end)?, end))
}

/// A client's packet after its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Quit,
    Query,
    Unknown,
}

impl Command {
    /// What a packet's payload asks for.
    pub(crate) fn of(payload: &[u8]) -> Self {
        match payload.first() {
            Some(&COM_QUIT) => Self::Quit,
            Some(&COM_QUERY) => Self::Query,
            _ => Self::Unknown,
        }
    }
}

/// Whether a payload is the server's refusal.
pub(crate) fn is_error(payload: &[u8]) -> bool {
    payload.first() == Some(&0xff)
}

/// The text of a row's only column.
pub(crate) fn only_column(payload: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = payload.split_first()?;
    rest.get(..usize::from(len))
}

/// The server's first packet.
pub(crate) fn greeting() -> Vec<u8> {
    let [low, high] = [CAPABILITIES as u16, (CAPABILITIES >> 16) as u16].map(u16::to_le_bytes);
    let payload = [
        b"\x0a5.5.5-10.11.0-scripted\0" as &[u8],
        &1_u32.to_le_bytes(),
        b"8 salts.\0",
        &low,
        &[CHARSET_UTF8MB4],
        &STATUS_AUTOCOMMIT,
        &high,
        &[21],
        &[0; 10],
        b"12 more salt\0",
        PLUGIN,
    ]
    .concat();
    packet(0, &payload)
}

/// A client's login as `user` without a password.
pub(crate) fn login(user: &str) -> Vec<u8> {
    let payload = [
        &CAPABILITIES.to_le_bytes() as &[u8],
        &0x00ff_ffff_u32.to_le_bytes(),
        &[CHARSET_UTF8MB4],
        &[0; 23],
        user.as_bytes(),
        // The name's end, and a password of no bytes.
        &[0, 0],
        PLUGIN,
    ]
    .concat();
    packet(1, &payload)
}

/// The server's consent to a login.
pub(crate) fn login_accepted() -> Vec<u8> {
    packet(2, &[[0_u8, 0, 0].as_slice(), &STATUS_AUTOCOMMIT, &[0, 0]].concat())
}

/// The client's question.
pub(crate) fn query() -> Vec<u8> {
    packet(0, &[&[COM_QUERY], QUERY.as_bytes()].concat())
}

/// The server's answer: one row with one column. Five packets, the row the fourth.
pub(crate) fn answer(server_id: &str) -> Vec<u8> {
    let name = "@@server_id";
    let column = [
        b"\x03def\0\0\0" as &[u8],
        &[name.len() as u8],
        name.as_bytes(),
        &[0, 0x0c, CHARSET_UTF8MB4, 0],
        &20_u32.to_le_bytes(),
        &[0xfd, 0, 0, 0, 0, 0],
    ]
    .concat();
    let end = [[0xfe_u8, 0, 0].as_slice(), &STATUS_AUTOCOMMIT].concat();
    let row = [&[server_id.len() as u8], server_id.as_bytes()].concat();
    [packet(1, &[1]), packet(2, &column), packet(3, &end), packet(4, &row), packet(5, &end)]
        .concat()
}

/// The place of the row among the packets of an answer, counted from 1.
pub(crate) const ROW_OF_ANSWER: u8 = 4;
/// The packets of an answer.
pub(crate) const PACKETS_OF_ANSWER: u8 = 5;

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    // All payloads here are far below the three bytes' 16 MiB.
    let mut header = (payload.len() as u32).to_le_bytes();
    header[3] = sequence;
    [&header, payload].concat()
}
