//! Where a sample can be had: the steps of a session, and the classes of fetches by step.

/// A place from which samples are asked for, in the order a session comes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `tcp-request connection`.
    Connection,
    /// `tcp-request session`.
    Session,
    /// `tcp-request content` of a frontend.
    Content,
    /// `http-request`, of a frontend or a backend.
    HttpRequest,
    /// `use_backend`.
    Switching,
    /// `tcp-request content` of a backend.
    BackendContent,
    /// `use-server`, `balance`, `stick match`.
    ServerChoice,
    /// `server … sni`.
    Dial,
    /// `tcp-response content`.
    Response,
    /// `stick store-response`.
    Store,
    /// `log-format`.
    Log,
    /// `unique-id-format`.
    Identity,
    /// Health checks.
    Check,
    /// While the configuration is read.
    Config,
    /// Commands.
    Command,
}

impl Stage {
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// How messages call it.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Connection => "'tcp-request connection'",
            Self::Session => "'tcp-request session'",
            Self::Content => "'tcp-request content' of a frontend",
            Self::HttpRequest => "'http-request'",
            Self::Switching => "'use_backend'",
            Self::BackendContent => "'tcp-request content' of a backend",
            Self::ServerChoice => "the choice of a server",
            Self::Dial => "the connection to a server",
            Self::Response => "'tcp-response content'",
            Self::Store => "'stick store-response'",
            Self::Log => "a log line",
            Self::Identity => "the id of a session",
            Self::Check => "a health check",
            Self::Config => "the 'global' section",
            Self::Command => "a command",
        }
    }
}

/// When a fetch has something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Always.
    Constant,
    /// While the process runs.
    Internal,
    /// While there is a client.
    Client,
    /// While there is a frontend.
    Frontend,
    /// Once the client's handshake is over.
    Handshake,
    /// While the client's bytes are held.
    Request,
    /// Once a request of HTTP is there.
    Http,
    /// While either side's bytes are held.
    Either,
    /// From a request of HTTP on, as long as the session lasts.
    Asked,
    /// From an answer of HTTP on, as long as the session lasts.
    Answered,
    /// While the server's bytes are held.
    Response,
    /// Once there is a backend.
    Backend,
    /// Once there is a server.
    Server,
}

use Stage as S;

const SERVER: u16 =
    S::Dial.bit() | S::Response.bit() | S::Store.bit() | S::Log.bit() | S::Check.bit();
const BACKEND: u16 = SERVER | S::BackendContent.bit() | S::ServerChoice.bit();
const REQUEST: u16 = S::Content.bit()
    | S::HttpRequest.bit()
    | S::Identity.bit()
    | S::Switching.bit()
    | S::BackendContent.bit()
    | S::ServerChoice.bit()
    | S::Dial.bit();
const RESPONSE: u16 = S::Response.bit() | S::Store.bit() | S::Check.bit();
const CLIENT: u16 = S::Connection.bit() | S::Session.bit() | REQUEST | SERVER;

impl Class {
    /// Whether it has something to tell at `stage`.
    #[must_use]
    pub const fn tells_at(self, stage: Stage) -> bool {
        let stages = match self {
            Self::Constant => u16::MAX,
            Self::Internal => !S::Config.bit(),
            Self::Client => CLIENT,
            Self::Frontend => CLIENT & !S::Check.bit(),
            Self::Handshake => CLIENT & !S::Connection.bit() & !S::Check.bit(),
            Self::Request => REQUEST,
            Self::Http => REQUEST | S::Log.bit(),
            Self::Asked => REQUEST | RESPONSE | S::Log.bit(),
            Self::Answered => RESPONSE | S::Log.bit(),
            Self::Either => REQUEST | RESPONSE,
            Self::Response => RESPONSE,
            Self::Backend => BACKEND,
            Self::Server => SERVER,
        };
        stages & stage.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_tell_where_haproxys_table_says() {
        assert!(Class::Client.tells_at(Stage::Connection) && Class::Client.tells_at(Stage::Log));
        assert!(!Class::Client.tells_at(Stage::Config) && !Class::Client.tells_at(Stage::Command));
        assert!(Class::Request.tells_at(Stage::Switching));
        assert!(!Class::Request.tells_at(Stage::Response) && !Class::Request.tells_at(Stage::Log));
        assert!(!Class::Backend.tells_at(Stage::Content) && Class::Backend.tells_at(Stage::Store));
        assert!(!Class::Handshake.tells_at(Stage::Connection));
    }
}
