"""The data sets in NannyML's wheel. All of them come with it; none is fetched by itself.

Only their first rows are taken where `limit` says so: as many windows of the reference, and of the analysis those around
its middle, where most of these worlds change.
"""

import nannyml

from case import Case

CAR_LOAN = ["car_value", "salary_range", "debt_to_income_ratio", "loan_length", "repaid_loan_on_prev_car",
            "size_of_downpayment", "driver_tenure"]


def car_loan():
    reference, analysis, targets = nannyml.load_synthetic_car_loan_dataset()
    return Case("binary", reference, analysis.merge(targets, on="id"), CAR_LOAN, ("size", 5000), "repaid", "y_pred",
                "y_pred_proba", "timestamp", [[0, -1], [-1, 5]])


def car_loan_data_quality():
    reference, analysis, targets = nannyml.load_synthetic_car_loan_data_quality_dataset()
    return Case("binary", reference, analysis.merge(targets, on="id"), CAR_LOAN, ("size", 5000), "repaid", "y_pred",
                "y_pred_proba", "timestamp", [[0, -1], [-1, 5]], rates=False)


def work_from_home():
    reference, analysis, targets = nannyml.load_synthetic_binary_classification_dataset()
    features = ["distance_from_office", "salary_range", "gas_price_per_litre", "public_transportation_cost",
                "wfh_prev_workday", "workday", "tenure"]
    return Case("binary", reference, analysis.merge(targets, on="id"), features, ("size", 5000), "work_home_actual",
                "y_pred", "y_pred_proba", "timestamp", [[1, -2], [-3, 4]], {"confusion_matrix": "true"})


def california_housing():
    reference, analysis, targets = nannyml.load_modified_california_housing_dataset()
    # They stand in the order of their places, and the peer's folds of the domain classifier are runs of rows: it would have
    # to tell places from others that it has not seen.
    reference, analysis = (rows.sample(frac=1.0, random_state=1, ignore_index=True) for rows in (reference, analysis))
    features = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
    return Case("binary", reference, analysis.merge(targets, on="id"), features, ("size", 1000), "clf_target", "y_pred",
                "y_pred_proba", "timestamp", [[0, -1], [-1, 2]], {"confusion_matrix": "pred"},
                methods={"drift", "quality", "summary", "reconstruction", "classifier"})


def employment():
    reference, analysis, targets = nannyml.load_us_census_ma_employment_data()
    outcome = ["employed", "prediction", "predicted_probability"]
    features = [column for column in reference.columns if column not in ["id", "year", *outcome]]
    return Case("binary", reference, analysis.merge(targets, on="id"), features, ("size", 5000), "employed",
                "prediction", "predicted_probability", None, [[0, -1], [-1, 2]], {"confusion_matrix": "all"})


def titanic():
    reference, analysis, _ = nannyml.load_titanic_dataset()
    return Case("none", reference, analysis, ["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"], ("size", 100))


def cards():
    reference, analysis, targets = nannyml.load_synthetic_multiclass_classification_dataset()
    features = ["acq_channel", "app_behavioral_score", "requested_credit_limit", "app_channel", "credit_bureau_score",
                "stated_income", "is_customer"]
    scores = {name: f"y_pred_proba_{name}" for name in ["highstreet_card", "prepaid_card", "upmarket_card"]}
    return Case("multiclass", reference, analysis.merge(targets, on="id"), features, ("size", 6000), "y_true", "y_pred",
                scores, "timestamp", [[3, -1, 0], [-1, 4, -2], [0, -2, 5]])


def car_price():
    reference, analysis, targets = nannyml.load_synthetic_car_price_dataset()
    features = ["car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission"]
    return Case("regression", reference, analysis.merge(targets, on="id"), features, ("size", 6000), "y_true", "y_pred",
                timestamp="timestamp")


ALL = [employment, cards, car_loan, car_price, work_from_home, car_loan_data_quality, california_housing, titanic]


def case(name, limit):
    """A set by its name; of large ones a number of windows, where `limit` is not 0."""
    made = next(made for made in ALL if made.__name__ == name)()
    if limit:
        rows = limit * made.window[1]
        made.reference = made.reference[:rows].reset_index(drop=True)
        first = max(0, (len(made.analysis) - rows) // 2)
        made.analysis = made.analysis[first : first + rows].reset_index(drop=True)
    return made
