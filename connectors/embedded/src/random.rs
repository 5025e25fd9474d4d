//! Randomness from the operating system, for passwords, ids and ports. Nothing that flows depends on it.

use std::fs::File;
use std::io::Read;

use crate::error::{EmbeddedError, Result};

const SOURCE: &str = "/dev/urandom";

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open(SOURCE)
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(EmbeddedError::folder("read", SOURCE))?;
    Ok(bytes)
}

/// A password of 32 hexadecimal digits, 128 bits.
pub(crate) fn password() -> Result<String> {
    Ok(bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An id as Kafka wants it for a cluster: 16 bytes as 22 characters of base64, here of letters and digits only, since
/// one that begins with a dash would be read as an option.
pub(crate) fn cluster_id() -> Result<String> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut id: String =
        bytes::<21>()?.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect();
    id.push('A'); // the last character holds two bits only
    Ok(id)
}
