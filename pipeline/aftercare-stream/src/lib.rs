//! What it means to flow: positions, batches, transactional state, ports. Pure: no medicine, no broker, no clock.

pub mod changelog;
pub mod log;
pub mod partitioner;
mod patch;
pub mod position;
pub mod sequence;
