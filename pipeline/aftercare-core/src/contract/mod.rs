//! Contracts: documents whose rules are expressions over the facts of one case.

pub mod lang;
