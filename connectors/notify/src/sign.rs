//! The signature of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, in base64, after `v1,`.

use std::fmt;

use openssl::base64;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

/// How secrets are written: this, then base64.
const PREFIX: &str = "whsec_";
/// The specification's bounds, bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that is shared with a receiver. Never printed.
#[derive(Clone)]
pub struct Secret(PKey<Private>);

/// Why a text is no secret. The text itself is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Another form.
    #[error("a secret is whsec_ and then base64")]
    Form,
    /// Too short to be safe, or longer than receivers read.
    #[error("a secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
    /// OpenSSL refuses.
    #[error("prepare the secret")]
    OpenSsl(#[from] ErrorStack),
}

impl Secret {
    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// Another form, or fewer than 24 or more than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Form)?;
        let Ok(bytes) = base64::decode_block(encoded) else { return Err(SecretError::Form) };
        if !BYTES.contains(&bytes.len()) {
            return Err(SecretError::Length(bytes.len()));
        }
        Ok(Self(PKey::hmac(&bytes)?))
    }

    /// The value of `webhook-signature` for this message, sent at `timestamp_s` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// OpenSSL's own.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> Result<String, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        signer.update(format!("{id}.{timestamp_s}.").as_bytes())?;
        signer.update(body)?;
        Ok(format!("v1,{}", base64::encode_block(&signer.sign_to_vec()?)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the reference implementations of Standard Webhooks test themselves with.
    #[test]
    fn the_published_vector_is_met() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(format!("{secret:?}"), "(hidden)");
    }

    #[test]
    fn other_texts_are_no_secrets_and_are_not_repeated() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_%%%%", "whsec_c2hvcnQ="] {
            let said = Secret::parse(text).unwrap_err().to_string();
            assert!(!said.contains("MfKQ") && !said.contains("c2hv"), "{said}");
        }
    }
}
