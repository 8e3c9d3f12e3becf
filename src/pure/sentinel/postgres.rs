//! The dialogue with Postgres (protocol 3.0, its documentation's chapter "Frontend/Backend
//! Protocol"): SCRAM-SHA-256, MD5 and clear-text passwords, then the simple query protocol.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend;

use super::super::health::verdict::CheckStatus;
use super::super::role::copies::{Copies, Shortage};
use super::super::role::{History, Reading, Role};
use super::{ANSWER_BYTES_MAX, Fault, Login, Said, Settings};

/// One row: in recovery or not, cluster, timeline, position in bytes of WAL, timeline that is received,
/// and where the recovery that it began with ended, of which a server says the same as long as it runs. Then
/// whom commits wait for and who is connected, or what a standby is connected by: what is not shown to the
/// account is empty. Then whether connections are logged, as it was when the session began, and when the
/// configuration was read. Last when the server was started, which is compared and is no time here, and
/// where the checkpoint stands that it stopped with in order, until it makes another one: only such a
/// checkpoint has nothing between what it covers and itself. And whether transactions read only. All of it
/// goes into one packet.
///
/// The timelines of checkpoints and restart points lag behind a promotion, by minutes on a standby
/// (measured with 15), so that a primary's is taken from the name of the file it writes; a standby's
/// receiver knows at once, and shows it to accounts with `pg_read_all_stats`, which `pg_monitor` has.
/// All else is open to any account.
const QUESTION: &str = "SELECT r, system_identifier, \
    CASE WHEN r THEN greatest(timeline_id, min_recovery_end_timeline) \
    ELSE ('x'||pg_catalog.substr(pg_catalog.pg_walfile_name(\
    pg_catalog.pg_current_wal_lsn()),1,8))::pg_catalog.bit(32)::pg_catalog.int4 END, \
    CASE WHEN r THEN coalesce(l,z) ELSE pg_catalog.pg_current_wal_lsn() END - z, \
    coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), 0), \
    coalesce(l - z, 0), \
    CASE WHEN r THEN \
    coalesce((SELECT conninfo FROM pg_catalog.pg_stat_wal_receiver WHERE status = 'streaming'), '') \
    WHEN pg_catalog.current_setting('synchronous_commit') IN ('off', 'local') THEN '' ELSE s END, \
    CASE WHEN r OR s = '' THEN '' \
    ELSE coalesce((SELECT pg_catalog.string_agg(coalesce(sync_state || ' ' || application_name, '?'), E'\\n') \
    FROM pg_catalog.pg_stat_replication), '') END, \
    pg_catalog.current_setting('log_connections'), pg_catalog.pg_conf_load_time(), \
    (pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8, \
    CASE WHEN redo_lsn = checkpoint_lsn THEN checkpoint_lsn - z ELSE 0 END, \
    pg_catalog.current_setting('default_transaction_read_only') \
    FROM (SELECT pg_catalog.pg_is_in_recovery() r, pg_catalog.pg_last_wal_replay_lsn() l, \
    '0/0'::pg_catalog.pg_lsn z, pg_catalog.current_setting('synchronous_standby_names') s) a, \
    pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint(), pg_catalog.pg_control_recovery()";

/// `SQLSTATE`s of a server that goes down or does not let anybody in yet: `admin_shutdown`,
/// `crash_shutdown`, `cannot_connect_now`.
const GOODBYES: [&str; 3] = ["57P01", "57P02", "57P03"];

/// What an account, or one session more, is refused with: the class `invalid_authorization`,
/// `invalid_catalog_name`, `insufficient_privilege`, `too_many_connections`.
const REFUSALS: [&str; 4] = ["28", "3D000", "42501", "53300"];

enum State {
    /// Nothing was said.
    Begun,
    /// Asked whether TLS is spoken.
    Negotiating,
    /// The password is being proven.
    LoggingIn(Option<ScramSha256>),
    Idle,
    Asked(Option<Reading>),
    /// A statement is executed; what the first row begins with.
    Told(Option<String>),
}

/// See the module.
pub struct Postgres {
    login: Login,
    tls: bool,
    state: State,
    received: BytesMut,
    /// The newest timeline that was received while this lasts: a process does not go back to an older
    /// one, nor forgets it while nobody sends. 0: none was seen.
    followed: u32,
    settings: Option<Settings>,
}

impl Settings {
    fn postgres(log_connections: &str, read_at: &str) -> Self {
        // Version 18 has a list of what is logged; what is received is what all connections have.
        let noted = ["on", "true", "yes", "1", "all", "receipt"];
        let mut words = log_connections.split(',').map(|word| word.trim().to_ascii_lowercase());
        let notes_connections = words.any(|word| noted.contains(&word.as_str()));
        Self { notes_connections, read_at: read_at.to_owned() }
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Begun => "begun",
            State::Negotiating => "negotiating",
            State::LoggingIn(_) => "logging in",
            State::Idle => "idle",
            State::Asked(_) => "asked",
            State::Told(_) => "told",
        };
        write!(f, "Postgres({:?}, {state}, {} bytes)", self.login, self.received.len())
    }
}

impl Postgres {
    pub(super) fn new(login: Login, tls: bool) -> Self {
        Self {
            login,
            tls,
            state: State::Begun,
            received: BytesMut::new(),
            followed: 0,
            settings: None,
        }
    }

    pub(super) fn handle_connected(&mut self) -> Result<Vec<Said>, Fault> {
        if !self.tls {
            return self.handle_secured();
        }
        self.state = State::Negotiating;
        Ok(vec![send(|buf| {
            frontend::ssl_request(buf);
            Ok::<(), Fault>(())
        })?])
    }

    pub(super) fn handle_secured(&mut self) -> Result<Vec<Said>, Fault> {
        self.state = State::LoggingIn(None);
        let Login { user, database, .. } = &self.login;
        let parameters = [
            ("user", user.as_str()),
            ("database", database.as_str()),
            ("application_name", "evenkeel"),
            ("client_encoding", "UTF8"),
        ];
        Ok(vec![send(|buf| frontend::startup_message(parameters, buf))?])
    }

    pub(super) fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<Vec<Said>, Fault> {
        let mut said = Vec::new();
        if matches!(self.state, State::Negotiating) {
            let Some((&answer, rest)) = bytes.split_first() else { return Ok(said) };
            // Bytes behind the answer were not sent under TLS, whoever sent them (CVE-2021-23222).
            if (answer, rest) == (b'N', b"") {
                return Err(Fault::without_tls());
            }
            if answer != b'S' || !rest.is_empty() {
                let status = CheckStatus::L6Response;
                return Err(Fault::new(status, "what the server says of TLS is no answer"));
            }
            bytes = rest;
            self.state = State::LoggingIn(None);
            said.push(Said::StartTls);
        }
        if self.received.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err(Fault::nonsense("the answer has no end"));
        }
        self.received.extend_from_slice(bytes);
        loop {
            // The codec makes room for what a length announces: it must be one we would keep.
            if let Some(&[_, a, b, c, d]) = self.received.first_chunk()
                && u32::from_be_bytes([a, b, c, d]) as usize >= ANSWER_BYTES_MAX
            {
                return Err(Fault::nonsense("the server does not speak Postgres' protocol"));
            }
            let message = Message::parse(&mut self.received)
                .map_err(|_| Fault::nonsense("the server does not speak Postgres' protocol"))?;
            match message {
                Some(message) => said.extend(self.handle(message)?),
                None => return Ok(said),
            }
        }
    }

    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        if !matches!(self.state, State::Idle) {
            return None;
        }
        self.state = State::Asked(None);
        let mut question = BytesMut::new();
        frontend::query(QUESTION, &mut question).ok()?;
        Some(question.to_vec())
    }

    pub(super) fn execute(&mut self, statement: &str) -> Option<Vec<u8>> {
        if !matches!(self.state, State::Idle) {
            return None;
        }
        let mut message = BytesMut::new();
        frontend::query(statement, &mut message).ok()?;
        self.state = State::Told(None);
        Some(message.to_vec())
    }

    pub(super) const fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    pub(super) fn goodbye(&self) -> Vec<u8> {
        let mut goodbye = BytesMut::new();
        // Where a password is expected a goodbye is a mistake that the server logs; an end is none.
        if matches!(self.state, State::Idle | State::Asked(_) | State::Told(_)) {
            frontend::terminate(&mut goodbye);
        }
        goodbye.to_vec()
    }

    fn handle(&mut self, message: Message) -> Result<Option<Said>, Fault> {
        match (message, &mut self.state) {
            (Message::ErrorResponse(body), _) => Err(refused(&body)),
            (
                Message::NoticeResponse(_)
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_)
                | Message::BackendKeyData(_)
                | Message::AuthenticationOk
                | Message::RowDescription(_)
                | Message::CommandComplete(_),
                _,
            ) => Ok(None),
            (Message::ReadyForQuery(_), State::LoggingIn(_)) => {
                self.state = State::Idle;
                Ok(Some(Said::LoggedIn))
            }
            (Message::DataRow(row), State::Asked(reading @ None)) => {
                *reading =
                    Some(read(&row, &mut self.followed, &mut self.settings).ok_or_else(|| {
                        Fault::nonsense("the server's answer to what it is makes no sense")
                    })?);
                Ok(None)
            }
            (Message::EmptyQueryResponse, State::Told(_)) => Ok(None),
            (Message::DataRow(row), State::Told(first)) => {
                if first.is_none() {
                    *first = first_of(&row);
                }
                Ok(None)
            }
            (Message::ReadyForQuery(_), State::Told(first)) => {
                let first = first.take();
                self.state = State::Idle;
                Ok(Some(Said::Done(first)))
            }
            (Message::ReadyForQuery(_), State::Asked(reading)) => {
                let reading = reading.take();
                self.state = State::Idle;
                let missing = || Fault::nonsense("the server does not say what it is");
                Ok(Some(Said::Reading(reading.ok_or_else(missing)?)))
            }
            (message, State::LoggingIn(_)) => self.prove(message).map(Some),
            _ => Err(Fault::nonsense("the server says what it was not asked")),
        }
    }

    /// One step of proving the password.
    fn prove(&mut self, message: Message) -> Result<Said, Fault> {
        let Login { user, password, .. } = &self.login;
        let State::LoggingIn(scram) = &mut self.state else {
            return Err(Fault::nonsense("the server asks for a password late"));
        };
        let wrong = |_| Fault::nonsense("the server does not prove that it knows the password");
        match message {
            Message::AuthenticationCleartextPassword if self.tls => {
                send(|buf| frontend::password_message(password.as_bytes(), buf))
            }
            Message::AuthenticationCleartextPassword => Err(Fault::nonsense(
                "the server asks for the password in clear text, which is sent by TLS only",
            )),
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(user.as_bytes(), password.as_bytes(), body.salt());
                send(|buf| frontend::password_message(hash.as_bytes(), buf))
            }
            Message::AuthenticationSasl(body) => {
                let mut offered = body.mechanisms();
                let mut found = false;
                while let Ok(Some(mechanism)) = offered.next() {
                    found |= mechanism == SCRAM_SHA_256;
                }
                if !found {
                    return Err(Fault::nonsense("the server does not offer SCRAM-SHA-256"));
                }
                let binding = ChannelBinding::unsupported();
                let begun = scram.insert(ScramSha256::new(password.as_bytes(), binding));
                send(|buf| frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), buf))
            }
            Message::AuthenticationSaslContinue(body) => {
                let scram = scram.as_mut().ok_or_else(out_of_order)?;
                scram.update(body.data()).map_err(wrong)?;
                send(|buf| frontend::sasl_response(scram.message(), buf))
            }
            Message::AuthenticationSaslFinal(body) => {
                let scram = scram.as_mut().ok_or_else(out_of_order)?;
                scram.finish(body.data()).map_err(wrong)?;
                Ok(Said::Send(Vec::new()))
            }
            _ => Err(Fault::nonsense("the server asks for a proof that is not known here")),
        }
    }
}

fn out_of_order() -> Fault {
    Fault::nonsense("the server goes on with what was not begun")
}

/// A message, built.
fn send<E>(build: impl FnOnce(&mut BytesMut) -> Result<(), E>) -> Result<Said, Fault> {
    let mut buf = BytesMut::new();
    // The codec refuses a zero byte in a name, nothing else.
    let refused = |_: E| Fault::new(CheckStatus::Unknown, "a name or password has a zero byte");
    build(&mut buf).map_err(refused)?;
    Ok(Said::Send(buf.to_vec()))
}

/// `FATAL 28P01: password authentication failed for user "x"`.
fn refused(body: &ErrorResponseBody) -> Fault {
    let (mut severity, mut code, mut message) = (String::new(), String::new(), String::new());
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        let value = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'V' => severity = value(),
            b'S' if severity.is_empty() => severity = value(),
            b'C' => code = value(),
            b'M' => message = value(),
            _ => {}
        }
    }
    let is_goodbye = GOODBYES.contains(&code.as_str());
    Fault {
        is_goodbye,
        is_refusal: REFUSALS.iter().any(|refusal| code.starts_with(refusal)),
        ..Fault::new(CheckStatus::L7Status, format!("{severity} {code}: {message}"))
    }
}

/// What a row begins with.
fn first_of(row: &DataRowBody) -> Option<String> {
    let range = row.ranges().next().ok()??;
    Some(String::from_utf8_lossy(row.buffer().get(range?)?).into_owned())
}

/// The row of [`QUESTION`].
fn read(row: &DataRowBody, followed: &mut u32, settings: &mut Option<Settings>) -> Option<Reading> {
    let mut fields = Vec::new();
    let mut ranges = row.ranges();
    while let Some(range) = ranges.next().ok()? {
        fields.push(std::str::from_utf8(row.buffer().get(range?)?).ok()?);
    }
    let [in_recovery, system, timeline, position, received, recovered, ref rest @ ..] = fields[..]
    else {
        return None;
    };
    let &[copies, connected, log_connections, read_at, started, stopped, read_only] = rest else {
        return None;
    };
    *settings = Some(Settings::postgres(log_connections, read_at));
    let role = match in_recovery {
        "t" => Role::Replica,
        "f" => Role::Primary,
        _ => return None,
    };
    let system = u64::from_ne_bytes(system.parse::<i64>().ok()?.to_ne_bytes());
    let (mut timeline, mut is_floor) = (timeline.parse::<u32>().ok()?, false);
    if role == Role::Replica {
        *followed = received.parse::<u32>().ok()?.max(*followed);
        (timeline, is_floor) = (timeline.max(*followed), *followed == 0);
    }
    let history = History::Postgres { system, timeline };
    let place = |text: &str| {
        let place = text.parse::<u64>().ok()?;
        Some(Some(place).filter(|&at| role == Role::Primary && at > 0))
    };
    let recovered = place(recovered)?;
    // One that recovered makes such a checkpoint, too, at the end of that.
    let stopped = place(stopped)?.filter(|_| recovered.is_none());
    let started = Some(started.parse::<u64>().ok()?);
    let position = position.parse().ok()?;
    let (copies, shortage) = match role {
        Role::Primary => (Copies::awaited(copies, connected), Shortage::of(copies, connected)),
        _ => (Copies::streams(copies), None),
    };
    let is_read_only = role == Role::Primary && read_only == "on";
    let own = Reading::new(role, history, position);
    Some(Reading { is_floor, recovered, started, stopped, copies, shortage, is_read_only, ..own })
}

#[cfg(test)]
mod tests;
