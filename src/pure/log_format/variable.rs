//! The variables that a format of a TCP proxy can show.

macro_rules! variables {
    ($( $name:literal $variable:ident $doc:literal, )*) => {
        /// A value of a session.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Variable { $( #[doc = $doc] $variable, )* }

        impl Variable {
            /// All of them, by name.
            pub(super) const NAMES: &'static [(&'static str, Self)] = &[ $( ($name, Self::$variable), )* ];
        }
    };
}

variables! {
    "B" BytesOut "Bytes to the client.",
    "CC" RequestCookie "Cookie of the request: none is captured.",
    "CS" ResponseCookie "Cookie of the response: none is captured.",
    "H" Hostname "The machine's name.",
    "HM" Method "Method of the request.",
    "HP" Path "Path of the request.",
    "HPO" PathOnly "The same, without scheme and host.",
    "HQ" Query "Query of the request, with its question mark.",
    "HU" Target "Target of the request.",
    "HV" HttpVersion "Version of HTTP.",
    "ID" UniqueId "`unique-id-format`.",
    "ST" Status "Status of HTTP: -1, there is none.",
    "T" DateGmt "When it was accepted, in UTC.",
    "TR" RequestTime "Time for the head of the request.",
    "Ta" ActiveTime "Time from the request to the end of the answer.",
    "Tc" ConnectTime "Time to connect.",
    "Td" DataTime "Time from connected to the end.",
    "Th" HandshakeTime "Time for the client's PROXY header and TLS handshake.",
    "Ti" IdleTime "Time until the request began.",
    "Tl" DateLocal "When it was accepted, local time with its offset.",
    "Tq" IdleAndRequestTime "`%Th`, `%Ti` and `%TR`.",
    "Tr" ResponseTime "Time until the answer began.",
    "Ts" Seconds "When it was accepted, in seconds since 1970.",
    "Tt" TotalTime "Time from accept to the end.",
    "Tu" UserTime "The same, as a user sees it.",
    "Tw" QueueTime "Time in queues.",
    "U" BytesIn "Bytes from the client.",
    "ac" ProcessConnections "Connections of the process.",
    "b" Backend "Name of the backend.",
    "bc" BackendConnections "Connections of the backend.",
    "bi" SourceIp "Our address towards the server.",
    "bp" SourcePort "Our port towards the server.",
    "bq" BackendQueue "Place in the backend's queue.",
    "ci" ClientIp "The client's address.",
    "cp" ClientPort "The client's port.",
    "f" Frontend "Name of the frontend.",
    "fc" FrontendConnections "Connections of the frontend.",
    "fi" FrontendIp "The address the client connected to.",
    "fp" FrontendPort "The port the client connected to.",
    "ft" FrontendTransport "Name of the frontend, `~` behind it with TLS.",
    "hr" RequestCaptures "What `tcp-request content capture` kept, in braces.",
    "hrl" RequestCaptureList "The same, one after the other.",
    "hs" ResponseCaptures "Captures: none without HTTP.",
    "hsl" ResponseCaptureList "Captures: none without HTTP.",
    "lc" LogCounter "Number of the line among those of the frontend.",
    "ms" Millis "Milliseconds of the second it was accepted in.",
    "pid" Pid "The process.",
    "r" RequestLine "The first line of the request.",
    "rc" Retries "Attempts to connect after the first.",
    "rt" SessionNumber "Number of the session in the process.",
    "s" Server "Name of the server.",
    "sc" ServerConnections "Connections of the server.",
    "si" ServerIp "The server's address.",
    "sp" ServerPort "The server's port.",
    "sq" ServerQueue "Place in the server's queue.",
    "sslc" TlsCipher "Cipher suite of the client's TLS.",
    "sslv" TlsVersion "Version of the client's TLS.",
    "t" Date "When it was accepted, local time.",
    "tr" RequestDate "When the request began, local time.",
    "trg" RequestDateGmt "The same, in UTC.",
    "trl" RequestDateLocal "The same, local time with its offset.",
    "ts" Termination "How it ended.",
    "tsc" TerminationCookies "The same, and two places about cookies.",
}

impl Variable {
    /// Whether it is known only once the session is over.
    pub(super) const fn grows(self) -> bool {
        matches!(
            self,
            Self::BytesOut
                | Self::BytesIn
                | Self::UniqueId
                | Self::ConnectTime
                | Self::DataTime
                | Self::HandshakeTime
                | Self::TotalTime
                | Self::UserTime
                | Self::QueueTime
                | Self::ProcessConnections
                | Self::FrontendConnections
                | Self::BackendConnections
                | Self::ServerConnections
                | Self::BackendQueue
                | Self::ServerQueue
                | Self::Retries
                | Self::Termination
        )
    }
}

impl Variable {
    /// Whether it is a count, a port or a time that passed.
    pub(super) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::ActiveTime
                | Self::BackendConnections
                | Self::BackendQueue
                | Self::BytesIn
                | Self::BytesOut
                | Self::ClientPort
                | Self::ConnectTime
                | Self::DataTime
                | Self::FrontendConnections
                | Self::FrontendPort
                | Self::HandshakeTime
                | Self::IdleAndRequestTime
                | Self::IdleTime
                | Self::LogCounter
                | Self::Millis
                | Self::Pid
                | Self::ProcessConnections
                | Self::QueueTime
                | Self::RequestTime
                | Self::ResponseTime
                | Self::Retries
                | Self::Seconds
                | Self::ServerConnections
                | Self::ServerPort
                | Self::ServerQueue
                | Self::SessionNumber
                | Self::SourcePort
                | Self::Status
                | Self::TotalTime
                | Self::UserTime
        )
    }
}

/// Variables that HAProxy knows in `mode http` only.
pub(super) const HTTP: [&str; 19] = [
    "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "Ta", "Ti", "Tq", "Tr", "TR", "r", "tr",
    "trg", "trl", "OG", "HS",
];
