//! Why could a body not be read? A plain walk over the bytes by the schema, only after reading failed, so
//! that the answer does not hang on another library's wording and never contains a value.

use super::WireError;
use super::cursor::{BEYOND_SCHEMA, Cursor};
use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};

/// Names the first fault in `body`.
pub(super) fn fault(schema: &Schema, body: &[u8]) -> WireError {
    let resolved = ResolvedSchema::new(schema).expect("a test resolves every released schema");
    let mut cursor = Cursor { rest: body };
    match pass(&mut cursor, schema, resolved.get_names()) {
        Err(fault) => fault,
        Ok(()) if !cursor.rest.is_empty() => WireError::TrailingBytes,
        Ok(()) => WireError::Invalid("a value is out of its field's range"),
    }
}

/// Passes over one value.
fn pass(cursor: &mut Cursor<'_>, schema: &Schema, named: &NamesRef<'_>) -> Result<(), WireError> {
    match schema {
        Schema::Null => Ok(()),
        Schema::Boolean => match cursor.take(1)? {
            [0 | 1] => Ok(()),
            _ => Err(BEYOND_SCHEMA),
        },
        Schema::Int | Schema::Date | Schema::TimeMillis => cursor.int().map(drop),
        Schema::Float => cursor.take(4).map(drop),
        Schema::Double => cursor.double().map(drop),
        Schema::Bytes | Schema::Decimal(_) => cursor.bytes().map(drop),
        Schema::String => cursor.text().map(drop),
        Schema::Array(array) => blocks(cursor, |cursor| pass(cursor, &array.items, named)),
        Schema::Map(map) => blocks(cursor, |cursor| {
            cursor.text()?;
            pass(cursor, &map.types, named)
        }),
        Schema::Union(union) => {
            let at = cursor.choice()?;
            pass(cursor, union.variants().get(at).ok_or(BEYOND_SCHEMA)?, named)
        }
        Schema::Record(record) => {
            record.fields.iter().try_for_each(|field| pass(cursor, &field.schema, named))
        }
        Schema::Enum(known) if cursor.choice()? < known.symbols.len() => Ok(()),
        Schema::Enum(_) => Err(BEYOND_SCHEMA),
        Schema::Fixed(fixed) => cursor.take(fixed.size).map(drop),
        Schema::Ref { name } => pass(cursor, named.get(name).ok_or(BEYOND_SCHEMA)?, named),
        // every other type that the released schemas use is a long on the wire (a test lists them)
        _ => cursor.long().map(drop),
    }
}

fn blocks(
    cursor: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut left = super::MAX_ELEMENTS;
    loop {
        match cursor.block(&mut left)? {
            0 => return Ok(()),
            count => (0..count).try_for_each(|_| item(cursor))?,
        }
    }
}
