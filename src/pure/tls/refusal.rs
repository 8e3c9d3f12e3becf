//! Why a handshake with a client came to nothing.

/// The texts are HAProxy's log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The connection ended before a whole hello had come.
    #[error("Connection closed during SSL handshake")]
    Closed,
    /// What came is no handshake, or none that both sides agree on, or ended within it.
    #[error("SSL handshake failure")]
    Failed,
    /// The client's certificate is bad, or nobody vouches for it.
    #[error("SSL client certificate not trusted")]
    CertificateUntrusted,
    /// Nobody is trusted any more to vouch for clients.
    #[error("SSL client CA chain cannot be verified")]
    AuthorityUntrusted,
    /// It was not done in time.
    #[error("Timeout during SSL handshake")]
    Timeout,
}

impl Refusal {
    /// Nothing was asked, or not in time: `option dontlognull` leaves such connections out.
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Closed | Self::Timeout)
    }
}
