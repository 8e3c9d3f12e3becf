//! The dialogue with MySQL and MariaDB (protocol 10, MariaDB "Client/Server Protocol"; MySQL
//! "Client/Server Protocol" for `caching_sha2_password`).

mod packet;
mod proof;
mod question;

use super::super::health::verdict::CheckStatus;
use super::super::role::Reading;
use super::{Fault, Login, Said};
use packet::{Fields, Packets, packet, refusal};
use proof::Proof;
use question::{Flavour, Question};

/// Capabilities: long passwords, protocol 4.1, transactions, challenges, plugins.
const CAPABILITIES: u32 = 0x0000_0001 | 0x0000_0200 | 0x0000_2000 | 0x0000_8000 | PLUGINS;
const WITH_DATABASE: u32 = 0x0000_0008;
const TLS: u32 = 0x0000_0800;
const PLUGINS: u32 = 0x0008_0000;

/// `utf8mb4_general_ci`, which every version since 5.5.3 knows.
const COLLATION: u8 = 45;

/// The largest packet we say we take.
const PACKET_BYTES_MAX: u32 = 1 << 24;

/// Commands.
const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;

/// First bytes of answers.
const OK: u8 = 0;
const MORE: u8 = 1;
const NEXT_FACTOR: u8 = 2;
/// Asks to switch to another plugin, or ends a list.
const SWITCH_OR_END: u8 = 0xfe;
/// A value that is none.
const NULL: u8 = 0xfb;
/// A packet that begins like an end and is longer is a row.
const END_BYTES_MAX: usize = 8;

/// `ER_SERVER_SHUTDOWN`.
const SHUTDOWN: u16 = 1053;

/// What an account, its host, or one session more is refused with: too many connections, no right to
/// the database, a wrong password, no such database, the host is blocked, it is not allowed, a right to
/// a table lacks, the account's limits, it may log in by other means only, its password has to be
/// changed, or has expired, it is locked (MySQL, MariaDB).
const REFUSALS: [u16; 14] =
    [1040, 1044, 1045, 1049, 1129, 1130, 1142, 1203, 1226, 1698, 1820, 1862, 3118, 4151];

/// What the account is told that may not see the server's channels, and one of a version without them:
/// no right to a table, no such table.
const HIDDEN: [u16; 2] = [1142, 1146];

/// What of a greeting is needed later.
struct Greeting {
    flavour: Flavour,
    capabilities: u32,
    plugin: Vec<u8>,
    nonce: Vec<u8>,
}

enum State {
    /// Nothing was heard.
    Connected,
    /// TLS is being made.
    Securing(Greeting),
    /// TLS was made with somebody else, who gets no password.
    Distrusted,
    LoggingIn(Flavour, Option<Proof>),
    Idle(Flavour),
    Asked(Flavour, Progress),
    /// A statement is executed.
    Told(Flavour, Rows),
}

/// How far the answer to a statement has come.
enum Rows {
    Begun,
    /// Descriptions of columns.
    Columns,
    /// The first value of the first row, once it is there.
    First(Option<Option<String>>),
}

/// How far an answer has come.
enum Progress {
    Begun,
    /// Descriptions of columns that are to come, and the end of them.
    Columns(u8),
    Row,
    End(Reading),
}

/// See the module.
pub struct Mysql {
    login: Login,
    tls: bool,
    state: State,
    packets: Packets,
    /// The account may not see the server's channels, and asks for them no more.
    is_blind: bool,
}

impl std::fmt::Debug for Mysql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Connected => "connected",
            State::Securing(_) => "securing",
            State::Distrusted => "distrusted",
            State::LoggingIn(..) => "logging in",
            State::Idle(_) => "idle",
            State::Asked(..) => "asked",
            State::Told(..) => "told",
        };
        write!(f, "Mysql({:?}, {state}, {} bytes)", self.login, self.packets.len())
    }
}

impl Mysql {
    pub(super) fn new(login: Login, tls: bool) -> Self {
        Self { login, tls, state: State::Connected, packets: Packets::default(), is_blind: false }
    }

    /// The server speaks first.
    pub(super) fn handle_connected(&mut self) -> Result<Vec<Said>, Fault> {
        let Login { user, database, .. } = &self.login;
        if user.contains('\0') || database.contains('\0') {
            return Err(Fault::new(CheckStatus::Unknown, "a name has a zero byte"));
        }
        Ok(Vec::new())
    }

    pub(super) fn handle_secured(&mut self) -> Result<Vec<Said>, Fault> {
        match std::mem::replace(&mut self.state, State::Connected) {
            State::Securing(greeting) => self.log_in(greeting),
            _ => Err(Fault::nonsense("TLS came late")),
        }
    }

    /// It is waited for a login, and holds it against us when none comes.
    pub(super) fn handle_distrusted(&mut self) -> Vec<u8> {
        self.state = State::Distrusted;
        packet(self.packets.answer_number, &self.nobody(CAPABILITIES | TLS))
    }

    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Vec<Said>, Fault> {
        self.packets.push(bytes)?;
        let mut said = Vec::new();
        while let Some(payload) = self.packets.next()? {
            if let Some((number, text)) = refusal(&payload) {
                if HIDDEN.contains(&number)
                    && let Some(question) = self.ask_for_less()
                {
                    said.push(Said::Send(question));
                    continue;
                }
                return Err(Fault {
                    is_goodbye: number == SHUTDOWN,
                    is_refusal: REFUSALS.contains(&number),
                    ..Fault::new(CheckStatus::L7Status, text)
                });
            }
            said.extend(self.handle(&payload)?);
        }
        Ok(said)
    }

    /// The question that needs no right, where one that does was asked and refused.
    fn ask_for_less(&mut self) -> Option<Vec<u8>> {
        let State::Asked(flavour, Progress::Begun) = self.state else { return None };
        if !self.question(flavour).needs_right() {
            return None;
        }
        self.is_blind = true;
        self.state = State::Idle(flavour);
        self.poll()
    }

    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        let State::Idle(flavour) = self.state else { return None };
        self.state = State::Asked(flavour, Progress::Begun);
        Some(packet(0, &[&[COM_QUERY], self.question(flavour).text().as_bytes()].concat()))
    }

    pub(super) fn execute(&mut self, statement: &str) -> Option<Vec<u8>> {
        let State::Idle(flavour) = self.state else { return None };
        self.state = State::Told(flavour, Rows::Begun);
        Some(packet(0, &[&[COM_QUERY], statement.as_bytes()].concat()))
    }

    /// A server holds it against us when we leave without a login, also before it greeted: many of
    /// them and it lets nobody in from here (`max_connect_errors`). A login that it refuses does not
    /// count.
    pub(super) fn goodbye(&self) -> Vec<u8> {
        let quit = packet(0, &[COM_QUIT]);
        match self.state {
            State::Connected => [packet(1, &self.nobody(CAPABILITIES)), quit].concat(),
            State::Securing(_) => Vec::new(),
            State::Distrusted
            | State::LoggingIn(..)
            | State::Idle(_)
            | State::Asked(..)
            | State::Told(..) => quit,
        }
    }

    /// The login of nobody, which tells nobody anything: no name, no password.
    fn nobody(&self, capabilities: u32) -> Vec<u8> {
        let login = Login { user: String::new(), database: String::new(), ..self.login.clone() };
        Self::new(login, self.tls).response(capabilities, None, &[])
    }

    const fn question(&self, flavour: Flavour) -> Question {
        Question { flavour, cluster: self.login.cluster, is_blind: self.is_blind }
    }

    fn handle(&mut self, payload: &[u8]) -> Result<Vec<Said>, Fault> {
        let first = payload.first().copied();
        let (cluster, is_blind) = (self.login.cluster, self.is_blind);
        let is_end = first == Some(SWITCH_OR_END) && payload.len() <= END_BYTES_MAX;
        match &mut self.state {
            State::Connected => self.greeted(payload),
            State::Securing(_) => {
                // Nobody knows who sent what came before TLS.
                let status = CheckStatus::L6Response;
                Err(Fault::new(status, "the server says more than its greeting before TLS"))
            }
            State::LoggingIn(flavour, proof) => match first {
                Some(OK) => {
                    self.state = State::Idle(*flavour);
                    Ok(vec![Said::LoggedIn])
                }
                Some(MORE) => {
                    let proof = proof.as_mut().ok_or_else(out_of_order)?;
                    let answer = proof.go_on(&payload[1..], &self.login.password, self.tls)?;
                    Ok(answer.map(|answer| self.answer(&answer)).into_iter().collect())
                }
                Some(SWITCH_OR_END) => self.switch(&payload[1..]),
                Some(NEXT_FACTOR) => Err(Fault::nonsense("the account needs more than a password")),
                _ => Err(out_of_order()),
            },
            State::Idle(_) | State::Distrusted => Err(out_of_order()),
            State::Told(flavour, rows) => {
                let done = rows.handle(payload, is_end)?;
                if done.is_some() {
                    self.state = State::Idle(*flavour);
                }
                Ok(done.map(Said::Done).into_iter().collect())
            }
            State::Asked(flavour, progress) => {
                let flavour = *flavour;
                let question = Question { flavour, cluster, is_blind };
                match progress {
                    Progress::Begun if payload == [question.columns()] => {
                        *progress = Progress::Columns(question.columns());
                    }
                    Progress::Columns(0) if is_end => *progress = Progress::Row,
                    Progress::Columns(left @ 1..) if !is_end => *left -= 1,
                    Progress::Row if !is_end => {
                        *progress = Progress::End(question.read(payload).map_err(Fault::nonsense)?);
                    }
                    Progress::End(reading) if is_end => {
                        let said = Said::Reading(reading.clone());
                        self.state = State::Idle(flavour);
                        return Ok(vec![said]);
                    }
                    _ => return Err(Fault::nonsense("the server does not say what it is")),
                }
                Ok(Vec::new())
            }
        }
    }

    /// The server says who it is.
    fn greeted(&mut self, payload: &[u8]) -> Result<Vec<Said>, Fault> {
        let greeting = Greeting::read(payload)
            .ok_or_else(|| Fault::nonsense("the server does not speak MySQL's protocol"))?;
        if !self.tls {
            return self.log_in(greeting);
        }
        if greeting.capabilities & TLS == 0 {
            return Err(Fault::without_tls());
        }
        if self.packets.has_more() {
            let status = CheckStatus::L6Response;
            return Err(Fault::new(status, "the server says more than its greeting before TLS"));
        }
        let request = self.head(self.wanted(&greeting));
        let request = self.answer(&request);
        self.packets.answer_number += 1;
        self.state = State::Securing(greeting);
        Ok(vec![request, Said::StartTls])
    }

    fn wanted(&self, greeting: &Greeting) -> u32 {
        let tls = if self.tls { TLS } else { 0 };
        (CAPABILITIES | tls) & (greeting.capabilities | !PLUGINS)
    }

    fn log_in(&mut self, greeting: Greeting) -> Result<Vec<Said>, Fault> {
        let wanted = self.wanted(&greeting);
        // A server without plugins means the first of them; one whose plugin is not known here is
        // asked to switch by naming another.
        let native = &b"mysql_native_password"[..];
        let name = if greeting.plugin.is_empty() { native } else { &greeting.plugin };
        let mut proof = Proof::new(name, &greeting.nonce);
        let proven = match &mut proof {
            Some(proof) => proof.begin(&self.login.password, self.tls),
            None => Ok(Vec::new()),
        }?;
        if proven.len() > usize::from(u8::MAX) {
            return Err(Fault::new(CheckStatus::Unknown, "the password is too long"));
        }
        let response = self.response(wanted, proof.as_ref(), &proven);
        self.state = State::LoggingIn(greeting.flavour, proof);
        Ok(vec![self.answer(&response)])
    }

    /// What a login and the request for TLS begin with.
    fn head(&self, capabilities: u32) -> Vec<u8> {
        let database = if self.login.database.is_empty() { 0 } else { WITH_DATABASE };
        let mut head = (capabilities | database).to_le_bytes().to_vec();
        head.extend(PACKET_BYTES_MAX.to_le_bytes());
        head.push(COLLATION);
        head.extend([0; 23]);
        head
    }

    fn response(&self, capabilities: u32, proof: Option<&Proof>, proven: &[u8]) -> Vec<u8> {
        let mut response = self.head(capabilities);
        response.extend(self.login.user.as_bytes());
        response.push(0);
        response.push(u8::try_from(proven.len()).unwrap_or(u8::MAX));
        response.extend(proven);
        if !self.login.database.is_empty() {
            response.extend(self.login.database.as_bytes());
            response.push(0);
        }
        if capabilities & PLUGINS != 0 {
            response.extend(proof.map_or("mysql_native_password", Proof::name).as_bytes());
            response.push(0);
        }
        response
    }

    /// The server wants the password proven in another way.
    fn switch(&mut self, wish: &[u8]) -> Result<Vec<Said>, Fault> {
        let mut fields = Fields(wish);
        let name = fields.until_zero();
        let Some(mut proof) = Proof::new(name, fields.0) else {
            let name = String::from_utf8_lossy(name);
            let shown = if name.is_empty() { "mysql_old_password" } else { name.as_ref() };
            let text = format!("the account logs in by {shown}, which is not known here");
            return Err(Fault::nonsense(text));
        };
        let proven = proof.begin(&self.login.password, self.tls)?;
        if let State::LoggingIn(_, known) = &mut self.state {
            *known = Some(proof);
        }
        Ok(vec![self.answer(&proven)])
    }

    fn answer(&self, payload: &[u8]) -> Said {
        Said::Send(packet(self.packets.answer_number, payload))
    }
}

impl Rows {
    /// What the answer begins with, once all of it is there.
    fn handle(&mut self, payload: &[u8], is_end: bool) -> Result<Option<Option<String>>, Fault> {
        match self {
            Self::Begun if payload.first() == Some(&OK) => return Ok(Some(None)),
            // It wants a file (LOCAL INFILE).
            Self::Begun if payload.first() == Some(&NULL) => return Err(out_of_order()),
            Self::Begun => *self = Self::Columns,
            Self::Columns if is_end => *self = Self::First(None),
            Self::Columns => {}
            Self::First(first) if is_end => return Ok(Some(first.take().flatten())),
            Self::First(first @ None) => {
                let value = Fields(payload).text().ok_or_else(out_of_order)?;
                *first = Some(value.map(|text| String::from_utf8_lossy(text).into_owned()));
            }
            Self::First(Some(_)) => {}
        }
        Ok(None)
    }
}

impl Greeting {
    fn read(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        if fields.byte()? != 10 {
            return None;
        }
        let flavour = Flavour::of(fields.until_zero());
        let _thread = fields.take(4)?;
        let mut nonce = fields.take(8)?.to_vec();
        let _filler = fields.byte()?;
        let mut capabilities = u32::from(fields.short()?);
        // What follows came with 4.1, which has all we need.
        let _collation = fields.byte()?;
        let _status = fields.short()?;
        capabilities |= u32::from(fields.short()?) << 16;
        let announced = fields.byte()?;
        let _reserved = fields.take(10)?;
        let rest = usize::from(announced).saturating_sub(8).max(13).min(fields.0.len());
        nonce.extend(fields.take(rest)?);
        let plugin = fields.until_zero().to_vec();
        Some(Self { flavour, capabilities, plugin, nonce })
    }
}

fn out_of_order() -> Fault {
    Fault::nonsense("the server says what it was not asked")
}

#[cfg(test)]
mod tests;
