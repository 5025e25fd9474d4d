//! Seeded worlds, reference models, invariants.
