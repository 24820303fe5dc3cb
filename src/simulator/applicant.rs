//! Who applies for a loan: the features, drawn from one of two populations.

use serde::Deserialize;

use super::draws::Rolls;

/// Where an applicant lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Region {
    North,
    South,
    East,
    West,
    Islands,
}

/// How an application came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Channel {
    Branch,
    Web,
    Phone,
    Broker,
}

impl Region {
    /// The name used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::North => "north",
            Self::South => "south",
            Self::East => "east",
            Self::West => "west",
            Self::Islands => "islands",
        }
    }
}

impl Channel {
    /// The name used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Web => "web",
            Self::Phone => "phone",
            Self::Broker => "broker",
        }
    }
}

/// The features of an application, rounded as people write them.
///
/// Income goes with age and employment; debt and loan amount go with income; a repaid loan goes with age.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// Years, 18 to 80.
    pub age: u32,
    /// Euros a year, in hundreds; some do not state it.
    pub income: Option<f64>,
    /// Euros owed elsewhere, in tens; 0 for about one in six.
    pub debt: f64,
    /// `debt / income`, four digits; missing with the income.
    pub debt_to_income: Option<f64>,
    /// Euros asked for, in hundreds.
    pub loan_amount: f64,
    /// Months, a multiple of 12 from 12 to 84.
    pub loan_length: u32,
    /// Years with the present employer, one digit; some do not state it.
    pub employment_years: Option<f64>,
    /// Where they live.
    pub region: Region,
    /// How the application came in.
    pub channel: Channel,
    /// Whether they have repaid a loan before; who has not is hard to tell apart.
    pub previously_repaid: bool,
}

impl Applicant {
    /// How many random numbers one takes at most.
    pub(super) const DRAWS: usize = 13;

    /// Draws one from a population; takes the same numbers whichever it is.
    pub(super) fn draw(population: &Population, rolls: &mut Rolls<'_>) -> Self {
        let region = rolls.among(&population.regions);
        let channel = rolls.among(&population.channels);
        let loan_length = rolls.among(&population.lengths);
        let (z_age, z_income) = rolls.normals();
        let (z_amount, z_debt) = rolls.normals();
        let age = (population.age + 12.0 * z_age).clamp(18.0, 80.0).round();
        let tenure = rolls.uniform();
        let employment = rounded((age - 18.0) * tenure * tenure.sqrt(), 0.1);
        let experience = 0.01 * (age - population.age) + 0.1 * libm::log1p(employment);
        let income = rounded(
            population.income * libm::exp(experience + 0.5 * z_income),
            100.0,
        );
        let loan_amount =
            rounded(70.0 * income.sqrt() * libm::exp(0.5 * z_amount), 100.0).max(500.0);
        let owes = rolls.chance(0.84);
        let debt = if owes {
            rounded(40.0 * income.sqrt() * libm::exp(0.8 * z_debt), 10.0)
        } else {
            0.0
        };
        let known = population.known + 0.004 * (age - population.age);
        let previously_repaid = rolls.chance(known);
        let states_income = !rolls.chance(0.02);
        let states_employment = !rolls.chance(0.03);
        Self {
            age: whole(age),
            income: states_income.then_some(income),
            debt,
            debt_to_income: states_income.then(|| rounded(debt / income, 1e-4)),
            loan_amount,
            loan_length,
            employment_years: states_employment.then_some(employment),
            region,
            channel,
            previously_repaid,
        }
    }

    /// The same applicant after the income got lost upstream, and what is derived from it.
    #[must_use]
    pub fn without_income(self) -> Self {
        Self {
            income: None,
            debt_to_income: None,
            ..self
        }
    }
}

/// What a population looks like.
#[derive(Debug)]
pub(super) struct Population {
    /// Mean age, in years.
    age: f64,
    /// Typical income, in euros a year.
    income: f64,
    /// Share that has repaid a loan before, at the mean age.
    known: f64,
    regions: [(Region, f64); 5],
    channels: [(Channel, f64); 4],
    lengths: [(u32, f64); 7],
}

/// Whom the model was made for.
pub(super) static REFERENCE: Population = Population {
    age: 44.0,
    income: 36_000.0,
    known: 0.75,
    regions: [
        (Region::North, 0.3),
        (Region::South, 0.25),
        (Region::East, 0.2),
        (Region::West, 0.2),
        (Region::Islands, 0.05),
    ],
    channels: [
        (Channel::Branch, 0.4),
        (Channel::Web, 0.35),
        (Channel::Phone, 0.1),
        (Channel::Broker, 0.15),
    ],
    lengths: [
        (12, 0.1),
        (24, 0.2),
        (36, 0.2),
        (48, 0.2),
        (60, 0.15),
        (72, 0.1),
        (84, 0.05),
    ],
};

/// Younger, poorer, unknown to the bank, sent by brokers: people of whom the features tell little. All of them live
/// in the reference population too, only more rarely.
pub(super) static HARDER: Population = Population {
    age: 33.0,
    income: 29_000.0,
    known: 0.2,
    regions: [
        (Region::North, 0.15),
        (Region::South, 0.4),
        (Region::East, 0.2),
        (Region::West, 0.15),
        (Region::Islands, 0.1),
    ],
    channels: [
        (Channel::Branch, 0.1),
        (Channel::Web, 0.3),
        (Channel::Phone, 0.1),
        (Channel::Broker, 0.5),
    ],
    lengths: [
        (12, 0.05),
        (24, 0.1),
        (36, 0.15),
        (48, 0.2),
        (60, 0.2),
        (72, 0.2),
        (84, 0.1),
    ],
};

/// The nearest multiple of a unit; a unit below 1 must be a power of ten, so that the decimals come out short.
fn rounded(value: f64, unit: f64) -> f64 {
    if unit < 1.0 {
        let per = (1.0 / unit).round();
        (value * per).round() / per
    } else {
        (value / unit).round() * unit
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an age is a whole number from 18 to 80"
)]
fn whole(age: f64) -> u32 {
    age as u32
}
