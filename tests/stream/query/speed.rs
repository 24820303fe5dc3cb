use super::*;
use futures::TryStreamExt;
use std::env;
use std::fs;
use vigie::query::*;
use vigie::telemetry::Clock;
fn peak() -> u64 {
    let s = fs::read_to_string("/proc/self/status").unwrap();
    let l = s.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    l.split_whitespace().nth(1).unwrap().parse().unwrap()
}
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures a file named by F"]
async fn read_speed() {
    let f = env::var("F").unwrap();
    let t = Clock::machine();
    let files = opened(&[&f]).await;
    println!("open {:?} rows {:?}", t.running(), files.rows());
    let b = peak();
    let t = Clock::machine();
    let mut scan = files.scan(&ColumnPath::leaves(files.schema())).unwrap();
    let mut n = 0;
    while let Some(r) = scan.try_next().await.unwrap() {
        n += r.num_rows();
    }
    println!("read {n} rows in {:?}, peak +{} kB (base {b})", t.running(), peak() - b);
    let t = Clock::machine();
    let one = files.scan(&[files.resolve("x0").unwrap()]).unwrap();
    let n: usize =
        one.map_ok(|r| r.num_rows()).try_fold(0, |a, b| async move { Ok(a + b) }).await.unwrap();
    println!("one column {n} rows in {:?}", t.running());
}
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures a file named by F"]
async fn datafusion_speed() {
    use datafusion::prelude::*;
    let f = env::var("F").unwrap();
    let parts: usize = env::var("P").unwrap_or("1".into()).parse().unwrap();
    let ctx = SessionContext::new_with_config(
        SessionConfig::new().with_target_partitions(parts).with_batch_size(8192),
    );
    let df = ctx.read_parquet(&f, ParquetReadOptions::default()).await.unwrap();
    let b = peak();
    let t = Clock::machine();
    let mut s = df.execute_stream().await.unwrap();
    let mut n = 0;
    while let Some(r) = s.try_next().await.unwrap() {
        n += r.num_rows();
    }
    println!("datafusion {n} rows in {:?}, peak +{} kB", t.running(), peak() - b);
}
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures a file named by F"]
async fn typing_speed() {
    let files = opened(&[&env::var("F").unwrap()]).await;
    let scan = files.scan(&ColumnPath::leaves(files.schema())).unwrap();
    let all: Vec<RecordBatch> = scan.try_collect().await.unwrap();
    for (i, f) in files.schema().fields().iter().enumerate() {
        let t = Clock::machine();
        let mut ok = 0;
        for r in &all {
            if numeric("x", r.column(i)).is_ok() {
                ok += 1;
            }
        }
        let a = t.running();
        let t = Clock::machine();
        let mut okc = 0;
        for r in &all {
            if categorical("x", r.column(i)).is_ok() {
                okc += 1;
            }
        }
        let b = t.running();
        let t = Clock::machine();
        let mut okt = 0;
        for r in &all {
            if event_times("x", r.column(i), None).is_ok() {
                okt += 1;
            }
        }
        println!(
            "{} {}: numeric {ok} {a:?} categorical {okc} {b:?} times {okt} {:?}",
            f.name(),
            f.data_type(),
            t.running()
        );
    }
    let cols: Vec<_> =
        files.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    if let Ok(e) = env::var("E") {
        let t = Clock::machine();
        let x = RowExpressions::compile(&cols, &[("d".into(), e)], None).unwrap();
        println!("compile {:?}", t.running());
        let t = Clock::machine();
        for r in &all {
            x.apply(r).unwrap();
        }
        println!("apply {:?}", t.running());
    }
}
