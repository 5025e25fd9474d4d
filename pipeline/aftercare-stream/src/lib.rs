//! What it means to flow: positions, batches, outcomes, transactional state, ports. Pure.
