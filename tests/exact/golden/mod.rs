//! Agreement with figures that other tools computed (`tests/data/golden`, whose README says which and how near).

mod agreement; // reading the files, comparing, the greatest difference
mod betting; // bets against the reference against numpy
mod bins; // Doane edges and deciles against numpy
mod calibration; // isotonic regression, splits and the decision against scikit-learn and NannyML
mod classification; // cells, rankings and their errors against NannyML and scikit-learn
mod classifier; // the domain classifier against NannyML
mod comparison; // differences of two models against DeLong, scipy and the jackknife of scikit-learn's metrics
mod counting; // a window's rows, counted plainly
mod distances; // distances of counts and distributions against scipy
mod drift; // univariate drift and thresholds against NannyML
mod embedding; // reconstruction error of vectors against scikit-learn
mod multiclass; // several classes from rows to figures, against NannyML
mod ranking; // orders of columns against NannyML
mod reconstruction; // reconstruction error against NannyML, eigenvalues against numpy
mod robust; // weighed calibration against scikit-learn, robust estimates against it and LightGBM
mod summary; // sampling errors of summary statistics against NannyML and scipy
mod trees; // gradient boosting against LightGBM
