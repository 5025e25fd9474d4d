//! HTTP: schema registry API, health, metrics.
