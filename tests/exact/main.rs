//! The tests that need nothing from outside: no Kafka, no clock, no network.
