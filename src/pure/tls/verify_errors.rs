//! OpenSSL's numbers of what can be wrong with a certificate (x509_vfy.h of 3.0) and their names.

use super::faults::Ignored;

/// An error that has no number of its own.
pub const UNSPECIFIED: u8 = 1;
/// There is no list of revocations for a certificate.
pub const UNABLE_TO_GET_CRL: u8 = 3;
/// The issuer's key did not sign it.
pub const CERT_SIGNATURE_FAILURE: u8 = 7;
/// The issuer's key did not sign the list of revocations.
pub const CRL_SIGNATURE_FAILURE: u8 = 8;
/// It does not count yet.
pub const CERT_NOT_YET_VALID: u8 = 9;
/// It does not count any more.
pub const CERT_HAS_EXPIRED: u8 = 10;
/// The list of revocations does not count yet.
pub const CRL_NOT_YET_VALID: u8 = 11;
/// The list of revocations does not count any more.
pub const CRL_HAS_EXPIRED: u8 = 12;
/// It signed itself, and nobody knows it.
pub const DEPTH_ZERO_SELF_SIGNED_CERT: u8 = 18;
/// Who signed the chain is shown with it, and nobody knows them.
pub const SELF_SIGNED_CERT_IN_CHAIN: u8 = 19;
/// Nobody knows who signed it.
pub const UNABLE_TO_GET_ISSUER_CERT_LOCALLY: u8 = 20;
/// Its signature cannot be verified without its issuer.
pub const UNABLE_TO_VERIFY_LEAF_SIGNATURE: u8 = 21;
/// It was taken back.
pub const CERT_REVOKED: u8 = 23;
/// It is for other things.
pub const INVALID_PURPOSE: u8 = 26;
/// It may not sign others.
pub const INVALID_CA: u8 = 79;

/// The greatest number there is.
pub const CODE_MAX: u8 = 94;

/// Names by their numbers, without `X509_V_`.
static NAMES: [&str; CODE_MAX as usize + 1] = [
    "OK",
    "ERR_UNSPECIFIED",
    "ERR_UNABLE_TO_GET_ISSUER_CERT",
    "ERR_UNABLE_TO_GET_CRL",
    "ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    "ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE",
    "ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    "ERR_CERT_SIGNATURE_FAILURE",
    "ERR_CRL_SIGNATURE_FAILURE",
    "ERR_CERT_NOT_YET_VALID",
    "ERR_CERT_HAS_EXPIRED",
    "ERR_CRL_NOT_YET_VALID",
    "ERR_CRL_HAS_EXPIRED",
    "ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD",
    "ERR_ERROR_IN_CERT_NOT_AFTER_FIELD",
    "ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD",
    "ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD",
    "ERR_OUT_OF_MEM",
    "ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERR_SELF_SIGNED_CERT_IN_CHAIN",
    "ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_CERT_CHAIN_TOO_LONG",
    "ERR_CERT_REVOKED",
    "ERR_NO_ISSUER_PUBLIC_KEY",
    "ERR_PATH_LENGTH_EXCEEDED",
    "ERR_INVALID_PURPOSE",
    "ERR_CERT_UNTRUSTED",
    "ERR_CERT_REJECTED",
    "ERR_SUBJECT_ISSUER_MISMATCH",
    "ERR_AKID_SKID_MISMATCH",
    "ERR_AKID_ISSUER_SERIAL_MISMATCH",
    "ERR_KEYUSAGE_NO_CERTSIGN",
    "ERR_UNABLE_TO_GET_CRL_ISSUER",
    "ERR_UNHANDLED_CRITICAL_EXTENSION",
    "ERR_KEYUSAGE_NO_CRL_SIGN",
    "ERR_UNHANDLED_CRITICAL_CRL_EXTENSION",
    "ERR_INVALID_NON_CA",
    "ERR_PROXY_PATH_LENGTH_EXCEEDED",
    "ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE",
    "ERR_PROXY_CERTIFICATES_NOT_ALLOWED",
    "ERR_INVALID_EXTENSION",
    "ERR_INVALID_POLICY_EXTENSION",
    "ERR_NO_EXPLICIT_POLICY",
    "ERR_DIFFERENT_CRL_SCOPE",
    "ERR_UNSUPPORTED_EXTENSION_FEATURE",
    "ERR_UNNESTED_RESOURCE",
    "ERR_PERMITTED_VIOLATION",
    "ERR_EXCLUDED_VIOLATION",
    "ERR_SUBTREE_MINMAX",
    "ERR_APPLICATION_VERIFICATION",
    "ERR_UNSUPPORTED_CONSTRAINT_TYPE",
    "ERR_UNSUPPORTED_CONSTRAINT_SYNTAX",
    "ERR_UNSUPPORTED_NAME_SYNTAX",
    "ERR_CRL_PATH_VALIDATION_ERROR",
    "ERR_PATH_LOOP",
    "ERR_SUITE_B_INVALID_VERSION",
    "ERR_SUITE_B_INVALID_ALGORITHM",
    "ERR_SUITE_B_INVALID_CURVE",
    "ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM",
    "ERR_SUITE_B_LOS_NOT_ALLOWED",
    "ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256",
    "ERR_HOSTNAME_MISMATCH",
    "ERR_EMAIL_MISMATCH",
    "ERR_IP_ADDRESS_MISMATCH",
    "ERR_DANE_NO_MATCH",
    "ERR_EE_KEY_TOO_SMALL",
    "ERR_CA_KEY_TOO_SMALL",
    "ERR_CA_MD_TOO_WEAK",
    "ERR_INVALID_CALL",
    "ERR_STORE_LOOKUP",
    "ERR_NO_VALID_SCTS",
    "ERR_PROXY_SUBJECT_NAME_VIOLATION",
    "ERR_OCSP_VERIFY_NEEDED",
    "ERR_OCSP_VERIFY_FAILED",
    "ERR_OCSP_CERT_UNKNOWN",
    "ERR_UNSUPPORTED_SIGNATURE_ALGORITHM",
    "ERR_SIGNATURE_ALGORITHM_MISMATCH",
    "ERR_SIGNATURE_ALGORITHM_INCONSISTENCY",
    "ERR_INVALID_CA",
    "ERR_PATHLEN_INVALID_FOR_NON_CA",
    "ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN",
    "ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA",
    "ERR_ISSUER_NAME_EMPTY",
    "ERR_SUBJECT_NAME_EMPTY",
    "ERR_MISSING_AUTHORITY_KEY_IDENTIFIER",
    "ERR_MISSING_SUBJECT_KEY_IDENTIFIER",
    "ERR_EMPTY_SUBJECT_ALT_NAME",
    "ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL",
    "ERR_CA_BCONS_NOT_CRITICAL",
    "ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL",
    "ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL",
    "ERR_CA_CERT_MISSING_KEY_USAGE",
    "ERR_EXTENSIONS_REQUIRE_VERSION_3",
    "ERR_EC_KEY_EXPLICIT_PARAMS",
];

/// The name of an error; `None` for other numbers.
#[must_use]
pub fn name(code: i64) -> Option<String> {
    let name = NAMES.get(usize::try_from(code).ok()?)?;
    Some(format!("X509_V_{name}"))
}

/// The set of a list such as `10,X509_V_ERR_CERT_REVOKED`, or of `all`, one bit for each number.
///
/// # Errors
/// The word that is no error.
pub fn set(list: &str) -> Result<u128, &str> {
    if list == "all" {
        return Ok(u128::MAX);
    }
    list.split(',').try_fold(0, |set, word| {
        let name = word.strip_prefix("X509_V_");
        let named = name.and_then(|name| NAMES.iter().position(|known| *known == name));
        let code = named.or_else(|| word.parse().ok());
        let code = code.filter(|code| (1..NAMES.len()).contains(code)).ok_or(word)?;
        Ok(set | 1 << code)
    })
}

impl Ignored {
    /// Those of the two lists, which were read before.
    #[must_use]
    pub fn new(certificate: Option<&str>, authority: Option<&str>) -> Self {
        let read = |list: Option<&str>| list.and_then(|list| set(list).ok()).unwrap_or(0);
        Self { certificate: read(certificate), authority: read(authority) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_numbers_and_names() {
        assert_eq!(set("all"), Ok(u128::MAX));
        assert_eq!(set("10,X509_V_ERR_CERT_REVOKED"), Ok(1 << 10 | 1 << 23));
        assert_eq!(set("10,"), Err(""));
        assert_eq!(set("0"), Err("0"));
        assert_eq!(set("95"), Err("95"));
        assert_eq!(set("X509_V_OK"), Err("X509_V_OK"));
        assert_eq!(name(10).as_deref(), Some("X509_V_ERR_CERT_HAS_EXPIRED"));
        assert_eq!(name(i64::from(INVALID_CA)).as_deref(), Some("X509_V_ERR_INVALID_CA"));
        assert_eq!((name(95), name(-1)), (None, None));
    }
}
