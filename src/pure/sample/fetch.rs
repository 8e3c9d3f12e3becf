//! What can be asked for: the fetches, and the table of their names.
//!
//! Constants, variables and the bytes of a buffer are answered by this module's neighbours; a
//! [`Fact`] is asked of whoever evaluates ([`Facts`](super::Facts)).

use super::content::Content;
use super::stage::Class;
use super::tracked::Tracked;
use super::value::{Kind, Value};
use super::variable::Variable;

/// What is asked for, arguments included.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetch {
    /// `int(5)`, `str(x)`, `always_true`, `env(NAME)` and the like.
    Constant(Value),
    /// `env(NAME)` of a variable that is not set.
    Unset,
    /// `var(txn.x)`, with what it is where nobody set it.
    Variable(Variable, Option<Value>),
    /// Something in the held bytes of a side.
    Content(Content),
    /// `wait_end`: true once nothing more is waited for.
    WaitEnd,
    /// Something of the connection, its frontend, its backend or the process.
    Fact(Fact, Vec<Arg>),
    /// A counter of a stick table.
    Tracked(Tracked),
    /// Something that is never told here.
    Untold(Kind, Class),
}

/// An argument of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A number.
    Int(i64),
    /// A word; empty where nothing was written between two commas.
    Text(String),
    /// `backend/server`, or a server of the backend at hand.
    Server(Option<String>, String),
}

impl Arg {
    /// The number, if it is one.
    #[must_use]
    pub const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The word, if it is one and not empty.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

/// What an argument must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgKind {
    Int,
    Text,
    Proxy,
    Server,
    Tlv,
}

/// One row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) fact: Fact,
    pub(super) kind: Kind,
    pub(super) class: Class,
    /// How many arguments there must be.
    pub(super) required: usize,
    pub(super) args: &'static [ArgKind],
}

macro_rules! facts {
    ($( $class:ident { $( $name:literal $fact:ident $kind:ident $required:literal [$($arg:ident)*], )* } )*) => {
        /// What is asked of the session, the proxies and the process; the names are HAProxy's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is documented under its name by HAProxy")]
        pub enum Fact { $( $( $fact, )* )* }

        /// Every fact, by class.
        pub(super) const FACTS: &[Row] = &[ $( $(
            Row { name: $name, fact: Fact::$fact, kind: Kind::$kind, class: Class::$class,
                required: $required, args: &[$(ArgKind::$arg),*] },
        )* )* ];
    };
}

facts! {
    Constant {
        "date" Date Int 0 [Int Text],
        "date_us" DateUs Int 0 [],
        "hostname" Hostname Str 0 [],
        "nbproc" NbProc Int 0 [],
        "pid" Pid Int 0 [],
        "proc" Proc Int 0 [],
        "rand" Rand Int 0 [Int],
        "thread" Thread Int 0 [],
        "tgroup" Tgroup Int 0 [],
        "uuid" Uuid Str 0 [Int],
        "unique-id" UniqueId Str 0 [],
        "uptime" Uptime Int 0 [],
    }
    Internal {
        "act_conn" ActConn Int 0 [],
        "avg_queue" AvgQueue Int 0 [Proxy],
        "be_conn" BeConn Int 0 [Proxy],
        "be_conn_free" BeConnFree Int 0 [Proxy],
        "be_sess_rate" BeSessRate Int 0 [Proxy],
        "connslots" ConnSlots Int 0 [Proxy],
        "fe_conn" FeConn Int 0 [Proxy],
        "fe_sess_rate" FeSessRate Int 0 [Proxy],
        "nbsrv" NbSrv Int 0 [Proxy],
        "queue" Queue Int 0 [Proxy],
        "srv_conn" SrvConn Int 1 [Server],
        "srv_conn_free" SrvConnFree Int 1 [Server],
        "srv_is_up" SrvIsUp Bool 1 [Server],
        "srv_iweight" SrvIweight Int 1 [Server],
        "srv_queue" SrvQueue Int 1 [Server],
        "srv_sess_rate" SrvSessRate Int 1 [Server],
        "srv_uweight" SrvUweight Int 1 [Server],
        "srv_weight" SrvWeight Int 1 [Server],
        "stopping" Stopping Bool 0 [],
        "prio_class" PrioClass Int 0 [],
        "prio_offset" PrioOffset Int 0 [],
        "last_rule_file" LastRuleFile Str 0 [],
        "last_rule_line" LastRuleLine Int 0 [],
        "last_entity" LastEntity Str 0 [],
        "waiting_entity" WaitingEntity Str 0 [],
        "txn.id32" TxnId32 Int 0 [],
        "txn.sess_term_state" SessTermState Str 0 [],
        "cpu_calls" CpuCalls Int 0 [],
        "cpu_ns_avg" CpuNsAvg Int 0 [],
        "cpu_ns_tot" CpuNsTot Int 0 [],
        "lat_ns_avg" LatNsAvg Int 0 [],
        "lat_ns_tot" LatNsTot Int 0 [],
    }
    Client {
        "src" Src Addr 0 [],
        "src_is_local" SrcIsLocal Bool 0 [],
        "src_port" SrcPort Int 0 [],
        "dst" Dst Addr 0 [],
        "dst_is_local" DstIsLocal Bool 0 [],
        "dst_port" DstPort Int 0 [],
        "fc_src" FcSrc Addr 0 [],
        "fc_src_is_local" FcSrcIsLocal Bool 0 [],
        "fc_src_port" FcSrcPort Int 0 [],
        "fc_dst" FcDst Addr 0 [],
        "fc_dst_is_local" FcDstIsLocal Bool 0 [],
        "fc_dst_port" FcDstPort Int 0 [],
        "fc_err" FcErr Int 0 [],
        "fc_err_name" FcErrName Str 0 [],
        "fc_err_str" FcErrStr Str 0 [],
        "fc_fackets" FcFackets Int 0 [],
        "fc_lost" FcLost Int 0 [],
        "fc_pp_authority" FcPpAuthority Str 0 [],
        "fc_pp_tlv" FcPpTlv Str 1 [Tlv],
        "fc_pp_unique_id" FcPpUniqueId Str 0 [],
        "fc_rcvd_proxy" FcRcvdProxy Bool 0 [],
        "fc_reordering" FcReordering Int 0 [],
        "fc_retrans" FcRetrans Int 0 [],
        "fc_rtt" FcRtt Int 0 [Text],
        "fc_rttvar" FcRttvar Int 0 [Text],
        "fc_sacked" FcSacked Int 0 [],
        "fc_saved_syn" FcSavedSyn Bin 0 [],
        "fc_unacked" FcUnacked Int 0 [],
        "fc.timer.handshake" FcTimerHandshake Int 0 [],
        "fc.timer.total" FcTimerTotal Int 0 [],
        "accept_date" AcceptDate Int 0 [Text],
        "bytes_in" BytesIn Int 0 [],
        "bytes_out" BytesOut Int 0 [],
        "req.bytes_in" ReqBytesIn Int 0 [],
        "req.bytes_out" ReqBytesOut Int 0 [],
        "res.bytes_in" ResBytesIn Int 0 [],
        "res.bytes_out" ResBytesOut Int 0 [],
        "cur_client_timeout" CurClientTimeout Int 0 [],
        "txn.timer.total" TxnTimerTotal Int 0 [],
        "txn.timer.user" TxnTimerUser Int 0 [],
    }
    Frontend {
        "dst_conn" DstConn Int 0 [],
        "so_id" SoId Int 0 [],
        "so_name" SoName Str 0 [],
        "fe_client_timeout" FeClientTimeout Int 0 [],
        "fe_defbe" FeDefbe Str 0 [],
        "fe_id" FeId Int 0 [],
        "fe_name" FeName Str 0 [],
    }
    Handshake {
        "ssl_fc" SslFc Bool 0 [],
        "ssl_fc_alg_keysize" SslFcAlgKeysize Int 0 [],
        "ssl_fc_alpn" SslFcAlpn Str 0 [],
        "ssl_fc_cipher" SslFcCipher Str 0 [],
        "ssl_fc_err" SslFcErr Int 0 [],
        "ssl_fc_err_str" SslFcErrStr Str 0 [],
        "ssl_fc_has_crt" SslFcHasCrt Bool 0 [],
        "ssl_fc_has_early" SslFcHasEarly Bool 0 [],
        "ssl_fc_has_sni" SslFcHasSni Bool 0 [],
        "ssl_fc_is_resumed" SslFcIsResumed Bool 0 [],
        "ssl_fc_npn" SslFcNpn Str 0 [],
        "ssl_fc_protocol" SslFcProtocol Str 0 [],
        "ssl_fc_protocol_hello_id" SslFcProtocolHelloId Int 0 [],
        "ssl_fc_session_id" SslFcSessionId Bin 0 [],
        "ssl_fc_sni" SslFcSni Str 0 [],
        "ssl_fc_unique_id" SslFcUniqueId Bin 0 [],
        "ssl_fc_use_keysize" SslFcUseKeysize Int 0 [],
        "ssl_c_ca_err" SslCCaErr Int 0 [],
        "ssl_c_ca_err_depth" SslCCaErrDepth Int 0 [],
        "ssl_c_der" SslCDer Bin 0 [],
        "ssl_c_chain_der" SslCChainDer Bin 0 [],
        "ssl_c_err" SslCErr Int 0 [],
        "ssl_c_i_dn" SslCIDn Str 0 [Text Int Text],
        "ssl_c_key_alg" SslCKeyAlg Str 0 [],
        "ssl_c_notafter" SslCNotAfter Str 0 [],
        "ssl_c_notbefore" SslCNotBefore Str 0 [],
        "ssl_c_s_dn" SslCSDn Str 0 [Text Int Text],
        "ssl_c_serial" SslCSerial Bin 0 [],
        "ssl_c_sha1" SslCSha1 Bin 0 [],
        "ssl_c_sig_alg" SslCSigAlg Str 0 [],
        "ssl_c_used" SslCUsed Bool 0 [],
        "ssl_c_verify" SslCVerify Int 0 [],
        "ssl_c_version" SslCVersion Int 0 [],
        "ssl_f_der" SslFDer Bin 0 [],
        "ssl_f_i_dn" SslFIDn Str 0 [Text Int Text],
        "ssl_f_key_alg" SslFKeyAlg Str 0 [],
        "ssl_f_notafter" SslFNotAfter Str 0 [],
        "ssl_f_notbefore" SslFNotBefore Str 0 [],
        "ssl_f_s_dn" SslFSDn Str 0 [Text Int Text],
        "ssl_f_serial" SslFSerial Bin 0 [],
        "ssl_f_sha1" SslFSha1 Bin 0 [],
        "ssl_f_sig_alg" SslFSigAlg Str 0 [],
        "ssl_f_version" SslFVersion Int 0 [],
        "ssl_s_der" SslSDer Bin 0 [],
        "ssl_s_chain_der" SslSChainDer Bin 0 [],
        "ssl_s_i_dn" SslSIDn Str 0 [Text Int Text],
        "ssl_s_key_alg" SslSKeyAlg Str 0 [],
        "ssl_s_notafter" SslSNotAfter Str 0 [],
        "ssl_s_notbefore" SslSNotBefore Str 0 [],
        "ssl_s_s_dn" SslSSDn Str 0 [Text Int Text],
        "ssl_s_serial" SslSSerial Bin 0 [],
        "ssl_s_sha1" SslSSha1 Bin 0 [],
        "ssl_s_sig_alg" SslSSigAlg Str 0 [],
        "ssl_s_version" SslSVersion Int 0 [],
    }
    Asked {
        "method" Method Str 0 [],
        "http_first_req" HttpFirstReq Bool 0 [],
    }
    Http {
        "path" Path Str 0 [],
        "pathq" PathQ Str 0 [],
        "query" Query Str 0 [],
        "url" Url Str 0 [],
        "base" Base Str 0 [],
        "baseq" BaseQ Str 0 [],
        "req.ver" ReqVer Str 0 [],
        "req.hdr" Hdr Str 0 [Text Int],
        "req.fhdr" Fhdr Str 0 [Text Int],
        "req.hdr_cnt" HdrCnt Int 0 [Text],
        "req.hdr_ip" HdrIp Addr 0 [Text Int],
        "req.hdr_val" HdrVal Int 0 [Text Int],
        "req.cook" Cook Str 0 [Text],
        "urlp" UrlParam Str 0 [Text Text],
        "http_auth" HttpAuth Bool 1 [Text],
        "http_auth_group" HttpAuthGroup Str 1 [Text Int],
        "http_auth_user" HttpAuthUser Str 0 [],
        "http_auth_pass" HttpAuthPass Str 0 [],
        "http_auth_type" HttpAuthType Str 0 [],
    }
    Backend {
        "be_id" BeId Int 0 [],
        "be_name" BeName Str 0 [],
        "be_server_timeout" BeServerTimeout Int 0 [],
        "be_tunnel_timeout" BeTunnelTimeout Int 0 [],
        "be_connect_timeout" BeConnectTimeout Int 0 [],
        "be_queue_timeout" BeQueueTimeout Int 0 [],
        "cur_server_timeout" CurServerTimeout Int 0 [],
        "cur_tunnel_timeout" CurTunnelTimeout Int 0 [],
        "cur_connect_timeout" CurConnectTimeout Int 0 [],
        "cur_queue_timeout" CurQueueTimeout Int 0 [],
        "cur_max_retries" CurMaxRetries Int 0 [],
    }
    Server {
        "srv_id" SrvId Int 0 [],
        "srv_name" SrvName Str 0 [],
        "bc_dst" BcDst Addr 0 [],
        "bc_dst_port" BcDstPort Int 0 [],
        "bc_err" BcErr Int 0 [],
        "bc_err_name" BcErrName Str 0 [],
        "bc_err_str" BcErrStr Str 0 [],
        "bc_be_queue" BcBeQueue Int 0 [],
        "bc_srv_queue" BcSrvQueue Int 0 [],
        "bc_rtt" BcRtt Int 0 [Text],
        "bc_rttvar" BcRttvar Int 0 [Text],
        "bc_src" BcSrc Addr 0 [],
        "bc_src_port" BcSrcPort Int 0 [],
        "bc.timer.connect" BcTimerConnect Int 0 [],
        "txn.conn_retries" ConnRetries Int 0 [],
        "txn.redispatched" Redispatched Bool 0 [],
        "ssl_bc" SslBc Bool 0 [],
        "ssl_bc_alpn" SslBcAlpn Str 0 [],
        "ssl_bc_cipher" SslBcCipher Str 0 [],
        "ssl_bc_err" SslBcErr Int 0 [],
        "ssl_bc_err_str" SslBcErrStr Str 0 [],
        "ssl_bc_is_resumed" SslBcIsResumed Bool 0 [],
        "ssl_bc_protocol" SslBcProtocol Str 0 [],
        "ssl_bc_use_keysize" SslBcUseKeysize Int 0 [],
        "ssl_bc_alg_keysize" SslBcAlgKeysize Int 0 [],
        "ssl_bc_sni" SslBcSni Str 0 [],
    }
}

impl Fact {
    pub(super) fn row(self) -> &'static Row {
        FACTS.iter().find(|row| row.fact == self).expect("the macro makes a row for each")
    }

    /// Whether it is asked of a request of HTTP.
    #[must_use]
    pub const fn is_of_request(self) -> bool {
        matches!(
            self,
            Self::Method
                | Self::Path
                | Self::PathQ
                | Self::Query
                | Self::Url
                | Self::Base
                | Self::BaseQ
                | Self::ReqVer
                | Self::Hdr
                | Self::Fhdr
                | Self::HdrCnt
                | Self::HdrIp
                | Self::HdrVal
                | Self::Cook
                | Self::UrlParam
                | Self::HttpAuth
                | Self::HttpAuthGroup
                | Self::HttpAuthUser
                | Self::HttpAuthPass
                | Self::HttpAuthType
                | Self::HttpFirstReq
        )
    }

    /// Whether a request can have several of it, which tests look at one by one. Their number is the
    /// second argument, from 1.
    #[must_use]
    pub const fn is_repeated(self) -> bool {
        matches!(self, Self::Hdr | Self::Fhdr | Self::HdrIp | Self::HdrVal | Self::HttpAuthGroup)
    }

    /// HAProxy's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl Fetch {
    /// The kind of value it yields.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Constant(value) => value.kind(),
            Self::Unset => Kind::Str,
            Self::Variable(..) => Kind::Any,
            Self::Content(content) => content.kind(),
            Self::WaitEnd => Kind::Bool,
            Self::Fact(fact, _) => fact.row().kind,
            Self::Tracked(tracked) => tracked.kind(),
            Self::Untold(kind, _) => *kind,
        }
    }

    /// When it has something to tell.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Constant(_) | Self::Unset | Self::Variable(..) => Class::Constant,
            Self::Content(content) => content.class(),
            Self::WaitEnd => Class::Internal,
            Self::Fact(fact, _) => fact.row().class,
            Self::Tracked(tracked) => tracked.class(),
            Self::Untold(_, class) => *class,
        }
    }
}
