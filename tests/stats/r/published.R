# What R computes from published data: numbers of the folder that OUTSIDE_REFERENCE names.
#
#   Rscript published.R FOLDER OUT.json
#
# ordinal and psych are in Debian (r-cran-ordinal, r-cran-psych). irr, MRMCaov and iMRMC are on CRAN only: their parts are
# written where they are installed. The power of RJafroc and the output of iMRMC's Java program were not made by R here.
suppressPackageStartupMessages({library(jsonlite); library(ordinal)})
arguments <- commandArgs(trailingOnly = TRUE)
place <- function(name) file.path(arguments[1], name)
out <- list()

wine <- read.csv(place("agreement/wine.csv"))
wine$rating <- factor(wine$rating)
wine$temp <- factor(wine$temp, levels = c("cold", "warm")); wine$contact <- factor(wine$contact, levels = c("no", "yes"))
wine$judge <- factor(wine$judge); wine$bottle <- factor(wine$bottle)
told <- function(fit) {
  rows <- coef(summary(fit))
  coefficients <- lapply(rownames(rows), function(term) c(list(term = term), as.list(rows[term, ]), list(`_row` = term)))
  list(coef = coefficients, logLik = as.numeric(logLik(fit)), AIC = AIC(fit))
}
with_variances <- function(fit) c(told(fit), list(vc = lapply(VarCorr(fit), function(v) v[1, 1])))
out$wine <- list(
  clm = told(clm(rating ~ temp + contact, data = wine)),
  clmm_laplace = with_variances(clmm(rating ~ temp + contact + (1 | judge), data = wine)),
  clmm_judge_bottle = with_variances(clmm(rating ~ temp + contact + (1 | judge) + (1 | bottle), data = wine)))

table <- psych::ICC(as.matrix(read.csv(place("agreement/shrout_fleiss_1979.csv"), row.names = 1)), lmer = FALSE)$results
out$shrout_fleiss <- list(results = lapply(seq_len(nrow(table)), function(k) as.list(table[k, ])))

if (requireNamespace("irr", quietly = TRUE)) {
  anxiety <- read.csv(place("agreement/irr_anxiety.csv"))[, c("rater2", "rater3")]
  out$anxiety <- list(r23 = list(linear = list(kappa = irr::kappa2(anxiety, "equal")$value),
                                 quadratic = list(kappa = irr::kappa2(anxiety, "squared")$value)))
  diagnoses <- irr::kappam.fleiss(read.csv(place("agreement/fleiss1971_diagnoses.csv")))
  out$fleiss <- list(diagnoses = list(kappa = diagnoses$value, z = diagnoses$statistic))
  canonical <- as.matrix(read.csv(place("agreement/krippendorff_canonical.csv"), row.names = 1))
  kinds <- c("nominal", "ordinal", "interval", "ratio")
  out$krippendorff <- list(values = setNames(lapply(kinds, function(k) irr::kripp.alpha(canonical, k)$value), kinds))
}
if (requireNamespace("MRMCaov", quietly = TRUE)) {
  library(MRMCaov)
  films <- read.csv(place("mrmc/VanDyke.csv"), colClasses = "character")
  films$truth <- as.numeric(films$truth); films$rating <- as.numeric(films$rating)
  out$van_dyke <- list()
  for (method in c("unbiased", "jackknife", "DeLong")) {
    covariance <- get(method)
    random <- mrmc(empirical_auc(truth, rating), treatment, reader, case, data = films, cov = covariance)
    fixed_readers <- mrmc(empirical_auc(truth, rating), treatment, fixed(reader), case, data = films, cov = covariance)
    out$van_dyke[[paste0("RRRC_", method)]] <- list(test_means = summary(random)$test_means)
    out$van_dyke[[paste0("FRRC_", method)]] <- list(test_means = summary(fixed_readers)$test_means)
  }
}
write_json(out, arguments[2], auto_unbox = TRUE, digits = 12, pretty = TRUE, na = "string")
