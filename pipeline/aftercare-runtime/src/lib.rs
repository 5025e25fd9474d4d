//! One event loop per partition: drives the rules over the log.
