//! Bytes to wire types and back.
//!
//! Both of Confluent's forms are read: framed (`0x00`, the schema id in four bytes, the Avro body) and the
//! header form (record header [`GUID_HEADER`], the value being the bare Avro body). We write the framed form.
//! A record is read by the schema that it was written with, which must be a released one of the expected
//! subject; fields are matched by name.

mod cursor;
mod error;
mod reader;
mod readings;
pub(crate) mod schema;
mod writer;

pub use crate::registry::{Registry, Released};
pub use error::{EncodeError, WireError};
pub use readings::{each_reading, peek_wearer, recycle};

use cursor::Cursor;
use reader::Reader;
use serde::{Deserialize, Serialize};
use writer::Writer;

/// The record header that names the schema of the value in Confluent's header form.
pub const GUID_HEADER: &str = "__value_schema_id";

/// The most elements that one array or map may have. More than fit into the largest input record when
/// they carry data; it bounds what a forged length or empty elements can make us allocate.
pub const MAX_ELEMENTS: usize = 1 << 20;

/// Reads a record's value.
///
/// `schema_header` is the value of the header [`GUID_HEADER`], if the record has one; it goes before the
/// framing. The value must be one Avro datum of a released schema of `subject`, to its last byte.
///
/// # Errors
/// Says in which way the bytes are not that; never with a value of the record.
pub fn decode<'a, T: Deserialize<'a>>(
    subject: &str,
    value: Option<&'a [u8]>,
    schema_header: Option<&[u8]>,
) -> Result<T, WireError> {
    let (schema, body) = open(subject, value, schema_header)?;
    decode_body(schema, body)
}

/// Writes a wire type in the framed form with the newest schema of `subject`, appending to `out`. On an
/// error `out` is as it was.
///
/// # Errors
/// The value is not of the wire type of `subject`, or a number is beyond its type: a defect of this program,
/// not of data.
pub fn encode<T: Serialize + ?Sized>(
    subject: &'static str,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let schema = Registry::released().subject(subject).ok_or(EncodeError::UnknownSubject(subject))?;
    let start = out.len();
    out.push(0);
    out.extend_from_slice(&schema.id.to_be_bytes());
    if value.serialize(Writer { out, record: Some(schema.record()) }).is_ok() {
        Ok(())
    } else {
        out.truncate(start);
        Err(EncodeError::Unfit(subject))
    }
}

fn decode_body<'a, T: Deserialize<'a>>(schema: &Released, body: &'a [u8]) -> Result<T, WireError> {
    let mut cursor = Cursor { rest: body };
    let value =
        T::deserialize(Reader { cursor: &mut cursor, node: schema.node() }).map_err(|fault| fault.0)?;
    if cursor.rest.is_empty() { Ok(value) } else { Err(WireError::TrailingBytes) }
}

/// Finds the schema that a value was written with, and its Avro body.
fn open<'a>(
    subject: &str,
    value: Option<&'a [u8]>,
    schema_header: Option<&[u8]>,
) -> Result<(&'static Released, &'a [u8]), WireError> {
    let value = value.ok_or(WireError::NoValue)?;
    let registry = Registry::released();
    let (schema, body) = match schema_header {
        Some(header) => (by_header(registry, header)?, value),
        None => {
            let (id, body) = framed(value)?;
            (registry.by_id(id).ok_or(WireError::UnknownSchema(id))?, body)
        }
    };
    if schema.subject == subject {
        Ok((schema, body))
    } else {
        let expected = registry.subject(subject).map_or("an unknown subject", |known| known.subject);
        Err(WireError::WrongSchema { expected, found: schema.subject })
    }
}

fn framed(value: &[u8]) -> Result<(u32, &[u8]), WireError> {
    match value {
        [0, a, b, c, d, body @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), body)),
        [] | [0, ..] => Err(WireError::Truncated),
        _ => Err(WireError::NotFramed),
    }
}

/// The header holds `0x01` and a GUID; Confluent's clients also accept `0x00` and an id there.
fn by_header(registry: &'static Registry, header: &[u8]) -> Result<&'static Released, WireError> {
    match header {
        [1, guid @ ..] => {
            let guid = guid.try_into().ok().ok_or(WireError::Invalid("the schema header is malformed"))?;
            registry.by_guid(guid).ok_or(WireError::UnknownGuid)
        }
        [0, a, b, c, d] => {
            let id = u32::from_be_bytes([*a, *b, *c, *d]);
            registry.by_id(id).ok_or(WireError::UnknownSchema(id))
        }
        _ => Err(WireError::Invalid("the schema header is malformed")),
    }
}
