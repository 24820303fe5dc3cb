//! Differences of two models against `DeLong` by numpy, scipy's paired t-test and the jackknife of scikit-learn's metrics.

use serde_json::Value;
use vigie::stats::{Basis, CellSlopes, Difference, Influence, Loss, Rate, confusion_of, two_sided};

use super::agreement::{Agreement, golden, present};

fn classes(list: &Value) -> Vec<usize> {
    present(list).into_iter().map(|class| class as usize).collect()
}

/// Ones and zeros by class.
fn known(truth: &[usize], classes: usize) -> Vec<Vec<f64>> {
    let of = |class| truth.iter().map(|&at| f64::from(u8::from(at == class))).collect();
    (0..classes).map(of).collect()
}

/// What our figures of both models are, and how far apart.
struct Ours(Value);

fn both(of: impl Fn(usize) -> Influence) -> Difference {
    Difference::paired(&of(0), &of(1), None).unwrap()
}

impl Ours {
    fn ranked(&self, side: usize, of: fn(&[f64], &[f64]) -> Influence) -> Influence {
        of(&present(&self.0["scores"][side]), &present(&self.0["target"]))
    }

    /// A figure of the cells: of two classes by target and prediction, of three by class and guess.
    fn of_cells(
        &self,
        three: bool,
        of: impl Fn(&[Vec<f64>], &[usize]) -> CellSlopes,
    ) -> Difference {
        let (truth, said, count) =
            if three { ("classes", "guesses", 3) } else { ("target", "predicted", 2) };
        let likely = known(&classes(&self.0[truth]), count);
        both(|side| {
            let predicted = classes(&self.0[said][side]);
            of(&likely, &predicted).influence(&likely, &predicted).unwrap()
        })
    }

    fn rate(&self, rate: Rate, three: bool) -> Difference {
        self.of_cells(three, |likely, predicted| {
            let cells = confusion_of(likely, predicted);
            let of = if three { CellSlopes::of_several } else { CellSlopes::of_two };
            of(rate, &cells, Basis::Realized).unwrap()
        })
    }

    fn losses(&self, side: usize, loss: Loss) -> Vec<f64> {
        let pairs = present(&self.0["true"]).into_iter().zip(present(&self.0["numbers"][side]));
        pairs.map(|(truth, said)| loss.of(truth, said).unwrap()).collect()
    }
}

fn agree(ours: Difference, theirs: &Value, values: &mut Agreement, errors: &mut Agreement) {
    let theirs = |key: &str| theirs[key].as_f64().unwrap();
    values.check(ours.champion, theirs("champion"));
    values.check(ours.challenger, theirs("challenger"));
    errors.check(ours.error, theirs("error"));
}

#[test]
fn means_and_the_area_are_those_of_student_and_delong() {
    let file = golden("comparison.json");
    let theirs = file["exact"].clone();
    let ours = Ours(file);
    let mut values = Agreement::within(1e-10, "comparison, values");
    let mut errors = Agreement::within(1e-10, "comparison, errors of means");
    let mut check = |ours, name: &str| agree(ours, &theirs[name], &mut values, &mut errors);
    let accuracy = |likely: &[Vec<f64>], predicted: &[usize]| {
        CellSlopes::accuracy(&confusion_of(likely, predicted)).unwrap()
    };
    check(ours.of_cells(false, accuracy), "accuracy");
    check(ours.of_cells(true, accuracy), "accuracy_of_three");
    let worth: Vec<Vec<f64>> = ours.0["worth"].as_array().unwrap().iter().map(present).collect();
    let value = |likely: &[Vec<f64>], predicted: &[usize]| {
        CellSlopes::worth(&confusion_of(likely, predicted), &worth).unwrap()
    };
    check(ours.of_cells(false, value), "business_value");
    let mean = |loss| both(|side| Influence::mean(&ours.losses(side, loss)).unwrap());
    check(mean(Loss::Absolute), "mae");
    check(mean(Loss::Squared), "mse");
    let area =
        |side| ours.ranked(side, |scores, likely| Influence::roc_auc(scores, likely).unwrap());
    let positive: Vec<bool> = present(&ours.0["target"]).into_iter().map(|y| y == 1.0).collect();
    let area = Difference::paired(&area(0), &area(1), Some(&positive)).unwrap();
    check(area, "roc_auc");
    let p = two_sided(area.value() / area.error);
    errors.check(p, theirs["roc_auc"]["p"].as_f64().unwrap());
}

#[test]
fn ratios_and_ranks_have_the_errors_of_the_jackknife() {
    let file = golden("comparison.json");
    let theirs = file["jackknife"].clone();
    let ours = Ours(file);
    let mut values = Agreement::within(1e-10, "comparison, values of ratios");
    let mut errors = Agreement::within(0.03, "comparison, errors of ratios");
    let mut check = |ours, name: &str| agree(ours, &theirs[name], &mut values, &mut errors);
    check(ours.rate(Rate::F1, false), "f1");
    check(ours.rate(Rate::Precision, false), "precision");
    check(ours.rate(Rate::Recall, false), "recall");
    check(ours.rate(Rate::Specificity, false), "specificity");
    check(ours.rate(Rate::F1, true), "f1_of_three");
    check(ours.rate(Rate::Precision, true), "precision_of_three");
    let average = |side| {
        ours.ranked(side, |scores, likely| Influence::average_precision(scores, likely).unwrap())
    };
    let root = |side| Influence::root_of_mean(&ours.losses(side, Loss::Squared)).unwrap();
    check(both(root), "rmse");
    // The least like a mean of them all.
    let mut far = Agreement::within(0.05, "comparison, errors of average precision");
    agree(both(average), &theirs["average_precision"], &mut values, &mut far);
}
