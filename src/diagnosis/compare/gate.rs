//! May the challenger take over? The question of a deployment pipeline.

use std::str::FromStr;

use crate::diagnosis::compare::figures::Compared;
use crate::diagnosis::compare::verdict::Verdict;
use crate::stats::normal_quantile;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is it surely not worse by more than the margin?
    NoWorse,
    /// Is it surely better by more than the margin?
    Better,
}

/// A difference that does not matter: as it is, or as a share of the champion's figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Margin {
    /// In the unit of the figure.
    Absolute(f64),
    /// Of the champion's figure.
    Share(f64),
}

/// A question with what surely means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// What is asked.
    pub question: Question,
    /// What does not matter.
    pub margin: Margin,
    /// How sure a yes or a no must be, one-sided.
    pub confidence: f64,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It may.
    Yes,
    /// Nobody can say yet.
    Unknown,
    /// It may not.
    No,
}

impl Answer {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::Unknown => "CANNOT SAY",
            Self::No => "NO",
        }
    }
}

impl FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, share) = match text.trim().strip_suffix('%') {
            Some(number) => (number.trim(), true),
            None => (text.trim(), false),
        };
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => {
                Ok(if share { Self::Share(number / 100.0) } else { Self::Absolute(number) })
            }
            _ => Err("a number of at least 0, or a share of the champion's figure: 0.01 or 1%"
                .to_owned()),
        }
    }
}

impl Margin {
    /// In the unit of the figure.
    pub fn of(self, champion: f64) -> f64 {
        match self {
            Self::Absolute(margin) => margin,
            Self::Share(share) => share * champion.abs(),
        }
    }
}

impl Gate {
    /// Where the gain must surely lie above.
    pub fn bar(&self, champion: f64) -> f64 {
        match self.question {
            Question::NoWorse => -self.margin.of(champion),
            Question::Better => self.margin.of(champion),
        }
    }

    /// The answer of one figure: yes where the gain's confidence bound lies above the bar, no where the other one lies below.
    pub fn answer(&self, compared: &Compared) -> Answer {
        let (Ok(found), Some(gain)) = (&compared.found, compared.gain()) else {
            return Answer::Unknown;
        };
        let bar = self.bar(found.champion);
        if compared.verdict(self.confidence) == Verdict::Same {
            // Nothing differs: no worse whatever the margin, and never better.
            return if self.question == Question::NoWorse { Answer::Yes } else { Answer::No };
        }
        let reach = normal_quantile(self.confidence) * found.error;
        if gain - reach > bar {
            Answer::Yes
        } else if gain + reach < bar {
            Answer::No
        } else {
            Answer::Unknown
        }
    }

    /// The answer of several: yes if all say so, no if one says so. Each is asked at the full confidence: all must pass, so
    /// no other guard is needed against one of them passing by chance (Berger 1982).
    pub fn of_all(&self, figures: &[&Compared]) -> Answer {
        figures.iter().map(|compared| self.answer(compared)).max().unwrap_or(Answer::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;
    use crate::stats::Undefined;

    fn compared(metric: Metric, value: f64, error: f64) -> Compared {
        Compared::made_up(metric, 0.8, value, error)
    }

    fn gate(question: Question, margin: &str) -> Gate {
        Gate { question, margin: margin.parse().unwrap(), confidence: 0.95 }
    }

    #[test]
    fn no_worse_is_more_than_not_distinguishable() {
        let gate = gate(Question::NoWorse, "0.02");
        assert_eq!(gate.answer(&compared(Metric::Accuracy, -0.001, 0.01)), Answer::Yes);
        assert_eq!(gate.answer(&compared(Metric::Accuracy, -0.001, 0.02)), Answer::Unknown);
        assert_eq!(gate.answer(&compared(Metric::Accuracy, -0.05, 0.01)), Answer::No);
        assert_eq!(gate.answer(&compared(Metric::Mae, -0.05, 0.01)), Answer::Yes);
        assert_eq!(gate.answer(&compared(Metric::Accuracy, 0.0, 0.0)), Answer::Yes);
    }

    #[test]
    fn better_must_be_better_by_the_margin() {
        let bare = gate(Question::Better, "0");
        assert_eq!(bare.answer(&compared(Metric::Accuracy, 0.02, 0.01)), Answer::Yes);
        assert_eq!(bare.answer(&compared(Metric::Accuracy, 0.0, 0.0)), Answer::No);
        // 5 % of 0.8.
        let more = gate(Question::Better, "5%");
        assert_eq!(more.answer(&compared(Metric::Accuracy, 0.02, 0.01)), Answer::No);
        assert_eq!(more.answer(&compared(Metric::Accuracy, 0.05, 0.01)), Answer::Unknown);
    }

    #[test]
    fn all_must_pass_and_one_can_refuse() {
        let gate = gate(Question::NoWorse, "0.02");
        let (yes, no) = (compared(Metric::F1, 0.0, 0.001), compared(Metric::F1, -0.1, 0.001));
        let open = Compared { found: Err(Undefined::TooFew), ..yes.clone() };
        assert_eq!(gate.of_all(&[&yes, &yes]), Answer::Yes);
        assert_eq!(gate.of_all(&[&yes, &open]), Answer::Unknown);
        assert_eq!(gate.of_all(&[&yes, &open, &no]), Answer::No);
        assert_eq!(gate.of_all(&[]), Answer::Unknown);
        assert!("-1".parse::<Margin>().is_err() && "x%".parse::<Margin>().is_err());
    }
}
