//! The tests that need the outside world: a real Apache Kafka, a real Prometheus, processes that are killed.
//!
//! `tests/setup` installs what they need. Where it is missing they say so and do nothing; in CI they fail.

// What is driven.
#[cfg(test)]
mod alertmanager; // a real Alertmanager, and whoever has its pager
#[cfg(test)]
mod broker; // a real Apache Kafka, alone or shared by the tests of this executable: kill -9, freeze, restart
#[cfg(test)]
mod browser; // a real Chromium, driven by pipes
#[cfg(test)]
mod http; // asking over HTTP
#[cfg(test)]
mod instance; // a running `vigie run`
#[cfg(test)]
mod leash; // a process that cannot outlive the test that started it
#[cfg(test)]
mod patience; // the only place that waits
#[cfg(test)]
mod prometheus; // a real Prometheus that scrapes an address; promtool
#[cfg(test)]
mod published; // what a site has published
#[cfg(test)]
mod site; // settings, a profile, topics, in a namespace of its own
#[cfg(test)]
mod told; // whoever is to be told of alerts is told, at least once
mod tools; // what to do where a program is not installed
#[cfg(test)]
mod topics; // making topics, producing, reading what is committed up to the end
#[cfg(test)]
mod wire; // what lies between an instance and the broker: silent, slow, broken

// What is tested.
#[cfg(test)]
mod alerts; // one alert from opening to recovery
#[cfg(test)]
mod archived; // results and alerts as files, SQL over them, an alert explained and computed again
#[cfg(test)]
mod boards; // the boards and rules in deploy/ over a running demo: each query finds something, the alert arrives
#[cfg(test)]
mod checked; // what `vigie check` says of files that it cannot use
#[cfg(test)]
mod compared; // two models over files, and one data set held against itself
#[cfg(test)]
mod dead_letters; // what cannot be read goes aside with its reason and place
#[cfg(test)]
mod deployed; // the chart, the compose file, the image, the unit, the scripts and the notebook in deploy/
#[cfg(test)]
mod documented; // docs/metrics.md is made from the program's tables; links lead somewhere
#[cfg(test)]
mod embeddings; // lists of numbers as features: in files of every kind, and the same by way of a topic
#[cfg(test)]
mod epochs; // new settings rolled out: in force once, in no window with the old ones
#[cfg(test)]
mod examples; // the consumers of alerts in deploy/examples
#[cfg(test)]
mod faults; // kill -9, zombies, a broker that dies: what is published is that of a calm day
#[cfg(test)]
mod golden; // `vigie check` says what NannyML says of its own data
#[cfg(test)]
mod harness; // that those above do what they say
#[cfg(test)]
mod lanes; // where partitions begin, and what happens when what Kafka knows of them is lost
#[cfg(test)]
mod late_targets; // `vigie check` with targets in a file of their own
#[cfg(test)]
mod looked_at; // the page in a real browser: whole, alive, for the keyboard, with nothing, without a service
#[cfg(test)]
mod page; // the page shows what was published: on every instance, and again after a restart
#[cfg(test)]
mod pending; // the join over local files, over an LSM tree and over a map: the same is told
#[cfg(test)]
mod poisoned; // windows that persons leave out or mend
#[cfg(test)]
mod query; // files as one table, SQL on rows
#[cfg(test)]
mod refused; // what cannot be worked with is refused at the start
#[cfg(test)]
mod replayed; // `vigie replay` sends targets apart
#[cfg(test)]
mod rights; // a cluster that gives no more rights than it was told to
#[cfg(test)]
mod rules; // the rules in deploy/
#[cfg(test)]
mod same_as_check; // what the stream publishes is what `vigie check` says of the same rows
#[cfg(test)]
mod scrape; // a real Prometheus sees what was published
#[cfg(test)]
mod shown; // `vigie status`, `vigie config infer`
#[cfg(test)]
mod storm; // kill -9 over and over, at every named point: nothing lost, nothing twice
#[cfg(test)]
mod surroundings; // others come and go, the disk is full, the broker or the network gives no answer
#[cfg(test)]
mod targets; // ground truth that comes late, out of order, twice, corrected: what is final is what `vigie check` says
#[cfg(test)]
mod verified; // `vigie verify` finds what is wrong
#[cfg(test)]
mod wide; // more columns than fit a message four thousand times
