//! Small changes of windows and devices, as the changelog carries them: one reading more is far less to write than the
//! window and the device that it came to.

use aftercare_core::window::Micros;
use aftercare_stream::changelog::{CorruptState, Key, OPERATIONS, Transaction};

use super::{Device, DeviceNo, ReadingOutcome, Window, WindowKey, key};

const ADD_POINT: u8 = OPERATIONS;
const REMOVE_POINT: u8 = OPERATIONS + 1;
const ISSUED: u8 = OPERATIONS + 2;
const NOT_ISSUED: u8 = OPERATIONS + 3;
const COUNT: u8 = OPERATIONS + 4;
const UNCOUNT: u8 = OPERATIONS + 5;

/// Adds a reading to a window, at a tick. The first one of a transaction is an operation, with the second the window is
/// touched.
pub(crate) fn add_point(
    tx: &mut Transaction,
    key: WindowKey,
    window: &mut Window,
    (offset_ms, value): (u32, Micros),
    tick: i64,
) {
    if window.epoch != tx.epoch() && window.noted != tx.epoch() {
        window.noted = tx.epoch();
        let mut does = [0; 20];
        does[..4].copy_from_slice(&offset_ms.to_le_bytes());
        does[4..12].copy_from_slice(&value.millionths().to_le_bytes());
        does[12..].copy_from_slice(&tick.to_le_bytes());
        let mut undoes = [0; 13];
        undoes[..4].copy_from_slice(&offset_ms.to_le_bytes());
        undoes[4..12].copy_from_slice(&window.touched_at.to_le_bytes());
        undoes[12] = u8::from(window.dirty);
        tx.operate(on_window(ADD_POINT, key), &does, on_window(REMOVE_POINT, key), &undoes);
    } else {
        touch_window(tx, key, window);
    }
    window.points.insert(offset_ms, value);
    window.touched_at = tick;
    window.dirty = true;
}

/// The window was issued as it is.
pub(crate) fn mark_issued(tx: &mut Transaction, key: WindowKey, window: &mut Window) {
    if window.epoch != tx.epoch() {
        tx.operate(on_window(ISSUED, key), &[], on_window(NOT_ISSUED, key), &[]);
    }
    window.dirty = false;
}

/// Keeps the old value of a window at its first touch in the transaction.
pub(crate) fn touch_window(tx: &mut Transaction, key: WindowKey, window: &mut Window) {
    if window.epoch != tx.epoch() {
        let last = std::mem::replace(&mut window.epoch, tx.epoch());
        let window = &*window;
        tx.touch(key::window(key), last, |out| {
            window.encode(out);
            true
        });
    }
}

/// Counts what became of readings. The first count of a transaction is an operation, with the second the device is
/// touched.
pub(crate) fn count(
    tx: &mut Transaction,
    no: DeviceNo,
    device: &mut Device,
    outcome: ReadingOutcome,
    (records, readings): (u32, u32),
) {
    if device.epoch != tx.epoch() && device.noted != tx.epoch() {
        device.noted = tx.epoch();
        let mut does = [0; 9];
        does[0] = outcome as u8;
        does[1..5].copy_from_slice(&records.to_le_bytes());
        does[5..].copy_from_slice(&readings.to_le_bytes());
        let mut undoes = [0; 11];
        undoes[..9].copy_from_slice(&does);
        undoes[9..].copy_from_slice(&device.tally.dirty.to_le_bytes());
        tx.operate(on_device(COUNT, no), &does, on_device(UNCOUNT, no), &undoes);
    } else {
        touch_device(tx, no, device);
    }
    device.tally.add(outcome, records, readings);
}

/// Keeps the old value of a device at its first touch in the transaction.
pub(crate) fn touch_device(tx: &mut Transaction, no: DeviceNo, device: &mut Device) {
    if device.epoch != tx.epoch() {
        let last = std::mem::replace(&mut device.epoch, tx.epoch());
        let device = &*device;
        tx.touch(key::device(no), last, |out| {
            super::encode_value(device, out);
            true
        });
    }
}

fn on_window(operation: u8, window: WindowKey) -> Key {
    Key { table: operation, id: window.0 }
}

fn on_device(operation: u8, no: DeviceNo) -> Key {
    Key { table: operation, id: u64::from(no.0) }
}

/// Which device an operation concerns.
pub(super) fn device_of(key: Key) -> Option<DeviceNo> {
    match key.table {
        ADD_POINT..=NOT_ISSUED => Some(WindowKey(key.id).device()),
        COUNT | UNCOUNT => u32::try_from(key.id).ok().map(DeviceNo),
        _ => None,
    }
}

/// Carries an operation out on its device, which may still be empty.
pub(super) fn apply(device: &mut Device, key: Key, with: &[u8]) -> Result<(), CorruptState> {
    let done = match key.table {
        COUNT | UNCOUNT => recount(device, with),
        _ => rewindow(device, key.table, WindowKey(key.id), with),
    };
    done.ok_or_else(|| CorruptState("an operation is cut off".into()))
}

fn rewindow(device: &mut Device, operation: u8, key: WindowKey, with: &[u8]) -> Option<()> {
    if device.window(key).is_none() {
        device.set_window(key, Some(Window::new(key.index(), 0, 0)));
    }
    let window = device.window_mut(key)?;
    match operation {
        ADD_POINT => {
            let (offset, rest) = with.split_first_chunk::<4>()?;
            let (value, rest) = rest.split_first_chunk::<8>()?;
            let value = Micros::from_millionths(i64::from_le_bytes(*value));
            window.points.insert(u32::from_le_bytes(*offset), value);
            (window.touched_at, window.dirty) = (i64::from_le_bytes(*rest.first_chunk()?), true);
        }
        REMOVE_POINT => {
            let (offset, rest) = with.split_first_chunk::<4>()?;
            let (touched_at, rest) = rest.split_first_chunk::<8>()?;
            window.points.remove(u32::from_le_bytes(*offset));
            (window.touched_at, window.dirty) = (i64::from_le_bytes(*touched_at), *rest.first()? != 0);
        }
        _ => window.dirty = operation == NOT_ISSUED,
    }
    Some(())
}

/// A count; with the marks of before, it is taken back.
fn recount(device: &mut Device, with: &[u8]) -> Option<()> {
    let (&outcome, rest) = with.split_first()?;
    let outcome = *ReadingOutcome::ALL.get(usize::from(outcome))?;
    let (records, rest) = rest.split_first_chunk::<4>()?;
    let (readings, rest) = rest.split_first_chunk::<4>()?;
    let (records, readings) = (u32::from_le_bytes(*records), u32::from_le_bytes(*readings));
    match rest.first_chunk() {
        None => device.tally.add(outcome, records, readings),
        Some(dirty) => device.tally.take_back(outcome, records, readings, u16::from_le_bytes(*dirty)),
    }
    Some(())
}
