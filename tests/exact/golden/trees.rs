//! Gradient boosting against that of `LightGBM`.

use vigie::stats::{Binned, Forest, Growth, MISSING_BIN, boost, cuts};

use super::agreement::{counts, golden, numbers, present};

#[test]
fn trees_are_those_of_lightgbm_with_its_defaults() {
    for case in golden("trees.json")["cases"].as_array().unwrap() {
        let (labels, target) = (counts(&case["labels"]), present(&case["target"]));
        let rows = target.len();
        let mut columns: Vec<Binned> = Vec::new();
        for numbers in case["numbers"].as_array().unwrap().iter().map(numbers) {
            let values: Vec<f64> = numbers.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let has_missing = numbers.contains(&None);
            // There the missing ones are one of the bins.
            let cuts = cuts(&values, if has_missing { 254 } else { 255 });
            let bins = cuts.len() + 1;
            let bin = |value: &f64| cuts.partition_point(|cut| cut <= value) as u16;
            let bin = |value: &f64| if value.is_nan() { bins as u16 } else { bin(value) };
            columns.push(Binned { rows: values.iter().map(bin).collect(), bins, has_missing });
        }
        for label in 1..=3 {
            let rows = labels.iter().map(|&of| u16::from(of == label)).collect();
            columns.push(Binned { rows, bins: 2, has_missing: false });
        }
        let (base, trees) = boost(&columns, &target, Growth::DEFAULT);
        let forest = Forest::new(columns.len() as u16, base, 1.0, &trees).unwrap();
        let bin = |column: &Binned, row: usize| match column.rows[row] {
            missing if usize::from(missing) == column.bins => MISSING_BIN,
            bin => bin,
        };
        let bins: Vec<u16> =
            (0..rows).flat_map(|row| columns.iter().map(move |of| bin(of, row))).collect();
        let found = forest.evaluate(&bins, rows);
        let apart = found
            .iter()
            .zip(present(&case["predicted"]))
            .map(|(ours, theirs)| (ours - theirs.max(0.0)).abs());
        let worst = apart.fold(0.0, f64::max);
        println!("{rows} rows: largest difference from LightGBM {worst:.1e}");
        assert!(worst < 1e-5, "{rows} rows: {worst}");
    }
}
