//! The bytes of values, as changelog and undo have them.

use aftercare_stream::changelog::CorruptState;
use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};

/// Version of the encoding of every value. Fixtures of each released version are in `tests/state`.
pub(super) const ENCODING: u8 = 4;
/// The longest number.
const NUMBER_BYTES_MAX: usize = 10;

/// Appends the value after the encoding's version.
pub(crate) fn encode_value<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    out.push(ENCODING);
    append(value, out);
}

/// Appends the value.
pub(super) fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    postcard::serialize_with_flavor(value, Append(out)).expect("writing to memory does not fail");
}

pub(super) fn decode_value<T: DeserializeOwned>(value: &[u8], what: &str) -> Result<T, CorruptState> {
    postcard::from_bytes(versioned(value, what)?).map_err(|e| CorruptState(format!("{what}: {e}")))
}

/// What follows the encoding's version.
pub(super) fn versioned<'a>(value: &'a [u8], what: &str) -> Result<&'a [u8], CorruptState> {
    match value.split_first() {
        Some((&ENCODING, rest)) => Ok(rest),
        Some((other, _)) => Err(CorruptState(format!("{what}: encoding {other} is not known to this build"))),
        None => Err(CorruptState(format!("{what}: empty"))),
    }
}

/// Writes to the end of memory that grows.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Nearly all is numbers of one or two bytes: the call that copies them would cost more than they do.
        if bytes.len() <= NUMBER_BYTES_MAX {
            bytes.iter().for_each(|byte| self.0.push(*byte));
        } else {
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
