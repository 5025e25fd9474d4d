//! Time from outside: ticks for every task, where tasks write none themselves.

use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, CONTROL};
use aftercare_schemas::{codec, wire};

/// The record that tells the time `at`, ms since 1970 UTC.
pub(crate) fn tick(at: i64) -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
    codec::encode(topics::name(CONTROL), &tick, &mut value)?;
    Ok(value)
}

/// Writes a record of `control` to every task; returns when it is acknowledged.
pub(crate) fn tell(writer: &RecordWriter, value: &[u8]) -> anyhow::Result<()> {
    let control = topics::name(CONTROL);
    for partition in 0..writer.partitions(control)? {
        writer.write_to(control, partition, None, Some(value), &[])?;
    }
    writer.flush()?;
    Ok(())
}
