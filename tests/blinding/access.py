"""The written allow-matrix: who may use which address, with which method, in which phase.

One line per phase, method and address; one status per role. A method that no line names is refused: 405, or 302 to
the sign-in page for nobody in particular (401 where a script asks). An address that no line reaches fails a test.
"""

from dataclasses import dataclass

ROLES = ("anonymous", "charlie", "bob", "bert", "alice", "rita", "stan", "olga")
"""Nobody signed in, a stranger, a reader of the study, a reader of another study, the study's admin, its
researcher, its statistician, and a superuser without a role in it."""

PHASES = ("draft", "locked", "reading", "closed", "unblinded")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

ANY = "any"
SEALED = "sealed"  # draft, locked, reading, closed: the key is not open
IDLE = "idle"  # every phase but reading
FROZEN = "frozen"  # every phase but draft
SPANS = {
    FROZEN: PHASES[1:],
    ANY: PHASES,
    SEALED: PHASES[:4],
    IDLE: ("draft", "locked", "closed", "unblinded"),
}

ADMIN_PREFIX = "admin/"
"""Django's admin site, as a whole: a superuser only; nobody else gets further than its sign-in page. What it
shows is tested apart (tests/ops/test_admin.py): read-only records, no case, answer, time or key, no study's trail."""

OPEN_TO_ALL = {
    "healthz/",
    "readyz/",
    "accounts/sign-in/",
    "accounts/second-step/",
    "invitations/nothing/",
    "accounts/recover/",
    "accounts/recover/nothing/",
}
"""Addresses that ask for no sign-in."""

# {current} {following} {later}: Bob's case now, the next, one further on. {bella}: another reader's case.
# {bert}: Bert's case in the other study. {shown}: the key of a case. {nowhere}: nobody's.
MATRIX = """
phase      method   address                                    anonymous charlie bob bert alice rita stan olga
any        GET      /                                          302       200     200 200  200   200  200  200
any        GET      /healthz/                                  200       200     200 200  200   200  200  200
any        GET      /readyz/                                   200       200     200 200  200   200  200  200
any        GET      /help/                                     302       302     302 302  302   302  302  302
any        GET      /help/radiologist/                         302       200     200 200  200   200  200  200
any        GET      /help/study-admin/                         302       404     404 404  200   200  200  200
any        GET      /help/researcher/                          302       404     404 404  200   200  200  200
any        GET      /help/statistics/                          302       404     404 404  200   200  200  200
any        GET      /help/nothing/                             302       404     404 404  404   404  404  404
any        GET      /workstation/                              302       200     200 200  200   200  200  200
any        GET      /workstation/images/0/                     302       200     200 200  200   200  200  200
any        GET      /accounts/sign-in/                         200       302     302 302  302   302  302  302
reading    HEAD     /accounts/sign-in/                         200       302     302 302  302   302  302  302
reading    POST     /accounts/sign-in/                         302       302     302 302  302   302  302  302
reading    PUT      /accounts/sign-in/                         405       302     302 302  302   302  302  302
reading    PATCH    /accounts/sign-in/                         405       302     302 302  302   302  302  302
reading    DELETE   /accounts/sign-in/                         405       302     302 302  302   302  302  302
reading    OPTIONS  /accounts/sign-in/                         405       302     302 302  302   302  302  302
reading    TRACE    /accounts/sign-in/                         405       302     302 302  302   302  302  302
any        POST     /accounts/sign-out/                        302       302     302 302  302   302  302  302
any        GET      /accounts/me/                              302       200     200 200  200   200  200  200
reading    POST     /accounts/me/profile/                      302       302     302 302  302   302  302  302
reading    POST     /accounts/me/password/                     302       302     302 302  302   302  302  302
reading    POST     /accounts/me/elsewhere/                    302       302     302 302  302   302  302  302
reading    POST     /accounts/me/sessions/nothing/end/         302       404     404 404  404   404  404  404
any        GET      /accounts/recover/                         404       404     404 404  404   404  404  404
any        POST     /accounts/recover/                         404       404     404 404  404   404  404  404
any        GET      /accounts/recover/nothing/                 404       404     404 404  404   404  404  404
any        POST     /accounts/recover/nothing/                 404       404     404 404  404   404  404  404
any        GET      /accounts/second-step/                     302       302     302 302  302   302  302  302
reading    POST     /accounts/second-step/                     302       302     302 302  302   302  302  302
any        GET      /accounts/me/second-factor/                302       200     200 200  200   200  200  200
reading    GET      /accounts/me/second-factor/app/            302       200     200 200  200   200  200  200
reading    POST     /accounts/me/second-factor/app/            302       200     200 200  200   200  200  200
reading    GET      /accounts/me/second-factor/app/code.svg    302       404     404 404  404   404  404  404
reading    GET      /accounts/me/second-factor/passkey/        302       200     200 200  200   200  200  200
reading    POST     /accounts/me/second-factor/passkey/        302       200     200 200  200   200  200  200
reading    GET      /accounts/me/second-factor/recovery-codes/ 302       200     200 200  200   200  200  200
reading    POST     /accounts/me/second-factor/recovery-codes/ 302       200     200 200  200   200  200  200
reading    GET      /accounts/me/second-factor/0/remove/       302       404     404 404  404   404  404  404
reading    POST     /accounts/me/second-factor/0/remove/       302       404     404 404  404   404  404  404
reading    OPTIONS  /accounts/sign-out/                        302       200     200 200  200   200  200  200

any        GET      /read/chest/                               302       404     200 404  404   404  404  404
any        GET      /read/other/                               302       404     404 200  404   404  404  404
any        GET      /read/nothing/                             302       404     404 404  404   404  404  404
any        GET      /read/chest/state/                         401       404     200 404  404   404  404  404
any        GET      /read/other/state/                         401       404     404 200  404   404  404  404
any        GET      /read/nothing/state/                       401       404     404 404  404   404  404  404
reading    GET      /read/chest/frames/{current}/              401       404     200 404  404   404  404  404
reading    GET      /read/chest/frames/{following}/            401       404     200 404  404   404  404  404
idle       GET      /read/chest/frames/{current}/              401       404     404 404  404   404  404  404
any        GET      /read/chest/frames/{later}/                401       404     404 404  404   404  404  404
any        GET      /read/chest/frames/{bella}/                401       404     404 404  404   404  404  404
any        GET      /read/chest/frames/{bert}/                 401       404     404 404  404   404  404  404
any        GET      /read/chest/frames/{nowhere}/              401       404     404 404  404   404  404  404
any        GET      /read/other/frames/{current}/              401       404     404 404  404   404  404  404
any        GET      /read/other/frames/{bert}/                 401       404     404 200  404   404  404  404
reading    POST     /read/chest/answers/{current}/             401       404     200 404  404   404  404  404
idle       POST     /read/chest/answers/{current}/             401       404     403 404  404   404  404  404
any        POST     /read/chest/answers/{bella}/               401       404     404 404  404   404  404  404
any        POST     /read/chest/answers/{nowhere}/             401       404     404 404  404   404  404  404
reading    POST     /read/chest/answers/{later}/               401       404     404 404  404   404  404  404
any        POST     /read/other/answers/{current}/             401       404     404 404  404   404  404  404
any        GET      /read/chest/cases/{current}/               401       404     404 404  404   404  404  404
any        GET      /read/chest/cases/{later}/                 401       404     404 404  404   404  404  404
any        GET      /read/chest/cases/{bella}/                 401       404     404 404  404   404  404  404
reading    POST     /read/chest/consent/                       401       404     200 404  404   404  404  404
idle       POST     /read/chest/consent/                       401       404     403 404  404   404  404  404
reading    POST     /read/chest/terms/                         401       404     200 404  404   404  404  404
idle       POST     /read/chest/terms/                         401       404     403 404  404   404  404  404
any        POST     /read/other/terms/                         401       404     404 200  404   404  404  404
reading    POST     /read/chest/begin/                         401       404     200 404  404   404  404  404
idle       POST     /read/chest/begin/                         401       404     403 404  404   404  404  404
reading    POST     /read/chest/display/                       401       404     200 404  404   404  404  404
idle       POST     /read/chest/display/                       401       404     403 404  404   404  404  404
any        POST     /read/other/display/                       401       404     404 200  404   404  404  404
reading    POST     /read/chest/pause/                         401       404     200 404  404   404  404  404
idle       POST     /read/chest/pause/                         401       404     403 404  404   404  404  404
any        POST     /read/chest/keys/                          401       404     200 404  404   404  404  404

any        GET      /studies/new/                              302       403     403 403  200   403  403  200
any        POST     /studies/new/                              302       403     403 403  302   403  403  302
any        GET      /studies/chest/                            302       404     404 404  200   404  404  404
any        GET      /studies/chest/loading/                    401       404     404 404  200   404  404  404
any        GET      /studies/chest/load/                       302       404     404 404  200   404  404  404
any        GET      /studies/other/load/                       302       404     404 404  404   404  404  404
any        POST     /studies/chest/load/                       302       404     404 404  302   404  404  404
any        POST     /studies/other/load/                       302       404     404 404  404   404  404  404
any        GET      /studies/other/                            302       404     404 404  404   404  404  404
any        GET      /studies/nothing/                          302       404     404 404  404   404  404  404
any        GET      /studies/chest/audit/                      302       404     404 404  200   404  404  404
any        GET      /studies/other/audit/                      302       404     404 404  404   404  404  404
any        GET      /studies/chest/audit.jsonl                 302       404     404 404  200   404  404  404
any        GET      /studies/other/audit.jsonl                 302       404     404 404  404   404  404  404
any        GET      /studies/chest/people/                     302       404     404 404  200   404  404  404
any        GET      /studies/other/people/                     302       404     404 404  404   404  404  404
any        GET      /studies/nothing/people/                   302       404     404 404  404   404  404  404
draft      POST     /studies/chest/people/invite/              302       404     404 404  302   404  404  404
locked     POST     /studies/chest/people/invite/              302       404     404 404  302   404  404  404
reading    POST     /studies/chest/people/invite/              302       404     404 404  302   404  404  404
closed     POST     /studies/chest/people/invite/              302       404     404 404  200   404  404  404
unblinded  POST     /studies/chest/people/invite/              302       404     404 404  200   404  404  404
any        POST     /studies/other/people/invite/              302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/remind/              302       404     404 404  302   404  404  404
any        POST     /studies/other/people/remind/              302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/readers/R01/         302       404     404 404  302   404  404  404
any        POST     /studies/other/people/readers/R01/         302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/invitations/0/       302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/proposals/0/approve/ 302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/proposals/0/decline/ 302       404     404 404  404   404  404  404
any        POST     /studies/other/people/proposals/0/approve/ 302       404     404 404  404   404  404  404
any        POST     /studies/chest/people/roles/0/             302       404     404 404  404   404  404  404
any        GET      /invitations/nothing/                      404       404     404 404  404   404  404  404
any        POST     /invitations/nothing/                      404       404     404 404  404   404  404  404
any        GET      /studies/chest/images/                     302       404     404 404  200   404  404  404
any        POST     /studies/chest/images/sign-off/            302       404     404 404  302   404  404  404
any        GET      /studies/chest/terms/                      302       404     404 404  200   404  404  404
any        GET      /studies/other/terms/                      302       404     404 404  404   404  404  404
any        POST     /studies/chest/terms/confirm/              302       404     404 404  302   404  404  404
any        POST     /studies/other/terms/confirm/              302       404     404 404  404   404  404  404
any        POST     /studies/chest/terms/cases/                302       404     404 404  302   404  404  404
any        POST     /studies/other/terms/cases/                302       404     404 404  404   404  404  404
any        GET      /studies/chest/protocol/                   302       404     404 404  200   404  404  404
any        GET      /studies/other/protocol/                   302       404     404 404  404   404  404  404
any        GET      /studies/chest/protocol/file/              302       404     404 404  200   404  404  404
draft      GET      /studies/chest/protocol/parts/texts/       302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/protocol/parts/texts/       302       404     404 404  404   404  404  404
draft      GET      /studies/chest/protocol/new/ordinal/       302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/protocol/new/ordinal/       302       404     404 404  404   404  404  404
draft      GET      /studies/chest/protocol/questions/agree/   302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/protocol/questions/agree/   302       404     404 404  404   404  404  404
draft      GET      /studies/chest/protocol/practice/          302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/protocol/practice/          302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/questions/agree/down/ 302       404     404 404  302   404  404  404
frozen     POST     /studies/chest/protocol/questions/agree/down/ 302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/import/            302       404     404 404  302   404  404  404
frozen     POST     /studies/chest/protocol/import/            302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/practice/          302       404     404 404  302   404  404  404
frozen     POST     /studies/chest/protocol/practice/          302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/parts/texts/       302       404     404 404  200   404  404  404
frozen     POST     /studies/chest/protocol/parts/texts/       302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/new/ordinal/       302       404     404 404  200   404  404  404
frozen     POST     /studies/chest/protocol/new/ordinal/       302       404     404 404  404   404  404  404
draft      POST     /studies/chest/protocol/questions/agree/   302       404     404 404  200   404  404  404
frozen     POST     /studies/chest/protocol/questions/agree/   302       404     404 404  404   404  404  404
any        POST     /studies/chest/copy/                       302       404     404 404  302   404  404  404
any        POST     /studies/other/copy/                       302       404     404 404  404   404  404  404
draft      GET      /studies/chest/preview/                    302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/preview/                    302       404     404 404  404   404  404  404
draft      GET      /studies/chest/preview/state/0/            401       404     404 404  200   404  404  404
frozen     GET      /studies/chest/preview/state/0/            401       404     404 404  404   404  404  404
any        GET      /studies/other/preview/state/0/            401       404     404 404  404   404  404  404
draft      GET      /studies/chest/preview/frames/pattern/     401       404     404 404  200   404  404  404
frozen     GET      /studies/chest/preview/frames/pattern/     401       404     404 404  404   404  404  404
draft      POST     /studies/chest/preview/answers/0/          401       404     404 404  200   404  404  404
frozen     POST     /studies/chest/preview/answers/0/          401       404     404 404  404   404  404  404
draft      POST     /studies/chest/preview/go/0/               401       404     404 404  200   404  404  404
frozen     POST     /studies/chest/preview/go/0/               401       404     404 404  404   404  404  404
draft      POST     /studies/chest/preview/stay/0/             401       404     404 404  200   404  404  404
frozen     POST     /studies/chest/preview/stay/0/             401       404     404 404  404   404  404  404
any        GET      /studies/chest/planning/                    302       404     404 404  200   200  200  404
any        GET      /studies/chest/planning/power.svg           302       404     404 404  200   200  200  404
any        GET      /studies/chest/planning/other.svg           302       404     404 404  404   404  404  404
any        GET      /studies/other/planning/                    302       404     404 404  404   404  404  404
draft      GET      /studies/chest/lock/                       302       404     404 404  200   404  404  404
frozen     GET      /studies/chest/lock/                       302       404     404 404  404   404  404  404
any        POST     /studies/other/delete/                     302       404     404 404  404   404  404  404
any        POST     /studies/chest/delete/                     302       404     404 404  302   404  404  404
any        POST     /studies/chest/steps/lock/                 302       404     404 404  302   404  404  404
any        POST     /studies/chest/steps/start/                302       404     404 404  302   404  404  404
any        POST     /studies/chest/steps/close/                302       404     404 404  302   404  404  404
any        POST     /studies/chest/steps/unblind/              302       404     404 404  404   404  404  404
any        POST     /studies/other/steps/close/                302       404     404 404  404   404  404  404

draft      GET      /studies/chest/locked-protocol.json        302       404     404 404  404   404  404  404
locked     GET      /studies/chest/locked-protocol.json        302       404     404 404  200   200  200  404
reading    GET      /studies/chest/locked-protocol.json        302       404     404 404  200   200  200  404
closed     GET      /studies/chest/locked-protocol.json        302       404     404 404  200   200  200  404
unblinded  GET      /studies/chest/locked-protocol.json        302       404     404 404  200   200  200  404
any        GET      /studies/other/locked-protocol.json        302       404     404 404  404   404  404  404
draft      GET      /results/chest/registration.pdf            302       404     404 404  404   404  404  404
locked     GET      /results/chest/registration.pdf            302       404     404 404  200   200  200  404
reading    GET      /results/chest/registration.pdf            302       404     404 404  200   200  200  404
closed     GET      /results/chest/registration.pdf            302       404     404 404  200   200  200  404
unblinded  GET      /results/chest/registration.pdf            302       404     404 404  200   200  200  404
any        GET      /results/other/registration.pdf            302       404     404 404  404   404  404  404
any        GET      /results/chest/pilot/chest/                302       404     404 404  302   302  302  404
any        GET      /results/other/pilot/chest/                302       404     404 404  404   404  404  404

any        GET      /results/chest/                            302       404     404 404  200   200  200  404
any        GET      /results/other/                            302       404     404 404  404   404  404  404
any        GET      /results/nothing/                          302       404     404 404  404   404  404  404
any        POST     /results/chest/ask/                        302       404     404 404  302   404  404  404
any        POST     /results/other/ask/                        302       404     404 404  404   404  404  404
any        POST     /results/chest/decline/                    302       404     404 404  302   404  404  404
any        POST     /results/other/decline/                    302       404     404 404  404   404  404  404
any        POST     /results/chest/key/                        302       404     404 404  302   404  404  404
any        POST     /results/other/key/                        302       404     404 404  404   404  404  404
sealed     GET      /results/chest/export.zip                  302       404     404 404  302   302  302  404
unblinded  GET      /results/chest/export.zip                  302       404     404 404  200   200  200  404
sealed     GET      /results/chest/labels.csv                  302       404     404 404  302   302  302  404
unblinded  GET      /results/chest/labels.csv                  302       404     404 404  200   200  200  404
any        GET      /results/other/labels.csv                  302       404     404 404  404   404  404  404
sealed     GET      /results/chest/report.html                 302       404     404 404  302   302  302  404
unblinded  GET      /results/chest/report.html                 302       404     404 404  200   200  200  404
any        GET      /results/other/report.html                 302       404     404 404  404   404  404  404
any        GET      /results/other/export.zip                  302       404     404 404  404   404  404  404
sealed     GET      /results/chest/figures/forest.svg          302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/figures/forest.svg          302       404     404 404  200   200  200  404
unblinded  GET      /results/chest/figures/forest-paper.svg    302       404     404 404  200   200  200  404
any        GET      /results/chest/figures/nothing.svg         302       404     404 404  404   404  404  404
any        GET      /results/other/figures/forest.svg          302       404     404 404  404   404  404  404

sealed     GET      /results/chest/cases/                      302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/cases/                      302       404     404 404  200   200  200  404
any        GET      /results/other/cases/                      302       404     404 404  404   404  404  404
sealed     GET      /results/chest/cases/{shown}/              302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/cases/{shown}/              302       404     404 404  200   200  200  404
any        GET      /results/chest/cases/nothing/              302       404     404 404  404   404  404  404
any        GET      /results/other/cases/{shown}/              302       404     404 404  404   404  404  404
sealed     GET      /results/chest/cases/{shown}/frame/        302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/cases/{shown}/frame/        302       404     404 404  200   200  200  404
sealed     GET      /results/chest/cases/{shown}/small.png     302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/cases/{shown}/small.png     302       404     404 404  200   200  200  404
sealed     GET      /results/chest/cases/found.csv             302       404     404 404  404   404  404  404
unblinded  GET      /results/chest/cases/found.csv             302       404     404 404  200   200  200  404
sealed     POST     /results/chest/cases/terms/                302       404     404 404  404   404  404  404
unblinded  POST     /results/chest/cases/terms/                302       404     404 404  302   302  302  404
any        GET      /runs/                                     302       403     403 403  403   200  403  200
any        GET      /runs/{run}/                               302       403     403 403  403   200  403  200
any        GET      /runs/nothing/                             302       403     403 403  403   404  403  404
any        POST     /runs/{run}/steps/cancel/                  302       403     403 403  403   302  403  302
any        POST     /runs/nothing/steps/cancel/                302       403     403 403  403   404  403  404
any        GET      /runs/{run}/figures/mean-ap.svg            302       403     403 403  403   200  403  200
any        GET      /runs/{run}/metrics.csv                    302       403     403 403  403   200  403  200
any        GET      /runs/new/                                 302       403     403 403  403   200  403  200
any        POST     /runs/new/                                 302       403     403 403  403   200  403  200
any        GET      /runs/{run}/progress.json                  401       403     403 403  403   200  403  200
any        POST     /runs/{run}/steps/resume/                  302       403     403 403  403   302  403  302
any        POST     /runs/{run}/units/seed-0/retry/            302       403     403 403  403   302  403  302
any        GET      /runs/{run}/provenance/                    302       403     403 403  403   200  403  200
any        GET      /runs/{run}/provenance.json                302       403     403 403  403   404  403  404
any        GET      /runs/nothing/provenance/                  302       403     403 403  403   404  403  404
any        GET      /runs/{run}/findings/                      302       403     403 403  403   200  403  200
any        GET      /runs/nothing/findings/                    302       403     403 403  403   404  403  404
any        POST     /runs/{run}/findings/analyse/              302       403     403 403  403   302  403  302
any        GET      /runs/{run}/findings/none/                 302       403     403 403  403   404  403  404
any        GET      /runs/{run}/findings/none/figures/overall/ 302      403     403 403  403   404  403  404
any        GET      /runs/{run}/findings/none/gallery/         302       403     403 403  403   404  403  404
any        POST     /runs/{run}/findings/none/gallery/         302       403     403 403  403   404  403  404
any        GET      /runs/{run}/findings/none/thumbnails/1.png 302       403     403 403  403   404  403  404
any        GET      /runs/{run}/findings/none/files/a.csv      302       403     403 403  403   404  403  404
any        POST     /runs/{run}/handovers/                     302       403     403 403  403   302  403  302
any        POST     /runs/nothing/handovers/                   302       403     403 403  403   404  403  404
any        GET      /handovers/new/                            302       403     403 403  403   200  403  200
any        POST     /handovers/new/                            302       403     403 403  403   200  403  200
any        POST     /handovers/none/images/none/               401       403     403 403  403   404  403  404
any        GET      /handovers/none/                           302       403     403 403  403   404  403  404
any        GET      /handovers/none/progress.json              401       403     403 403  403   404  403  404
any        POST     /handovers/none/steps/draw/                302       403     403 403  403   404  403  404
any        GET      /handovers/none/files/key.csv              302       403     403 403  403   404  403  404
any        GET      /ratings/                                  302       403     403 403  403   200  403  200
any        POST     /ratings/                                  302       403     403 403  403   200  403  200
any        GET      /ratings/none/                             302       403     403 403  403   404  403  404
any        POST     /ratings/none/                             302       403     403 403  403   404  403  404
any        GET      /ratings/none/report.html                  302       403     403 403  403   404  403  404
any        GET      /data-sets/                                302       403     403 403  403   200  403  200
any        GET      /data-sets/new/                            302       403     403 403  403   200  403  200
any        POST     /data-sets/new/                            302       403     403 403  403   200  403  200
any        POST     /data-sets/new/places/                     401       403     403 403  403   200  403  200
any        GET      /data-sets/new/upload/                     302       403     403 403  403   200  403  200
any        POST     /data-sets/new/upload/begin/               401       403     403 403  403   409  403  409
any        GET      /data-sets/new/upload/none/                302       403     403 403  403   404  403  404
any        POST     /data-sets/new/upload/none/                302       403     403 403  403   404  403  404
any        GET      /data-sets/new/upload/none/files.json      401       403     403 403  403   404  403  404
any        POST     /data-sets/new/upload/none/files/0/        401       403     403 403  403   404  403  404
any        GET      /data-sets/chests/                         302       403     403 403  403   200  403  200
any        GET      /data-sets/nothing/                        302       403     403 403  403   404  403  404
any        GET      /data-sets/chests/classes.svg              302       403     403 403  403   200  403  200
any        GET      /ensembles/                                302       403     403 403  403   200  403  200
any        GET      /ensembles/new/                            302       403     403 403  403   200  403  200
any        POST     /ensembles/new/                            302       403     403 403  403   200  403  200
any        GET      /ensembles/train/                          302       403     403 403  403   200  403  200
any        POST     /ensembles/train/                          302       403     403 403  403   200  403  200
any        GET      /ensembles/nets/                           302       403     403 403  403   200  403  200
any        GET      /ensembles/nothing/                        302       403     403 403  403   404  403  404
any        GET      /ensembles/nets/curves.svg                 302       403     403 403  403   404  403  404
"""


ASKED_BY_SCRIPTS = {
    line.split()[2]
    for line in MATRIX.strip().splitlines()
    if len(line.split()) > 3 and line.split()[3] == "401"
}
"""Addresses that answer a script: to nobody signed in they say so by their status; all others lead to the sign-in."""


@dataclass(frozen=True)
class Rule:
    """What one method of one address answers each role, in the phases of a span."""

    phases: tuple[str, ...]
    method: str
    address: str
    statuses: tuple[int, ...]

    def expected(self, role: str) -> int:
        """Return the status for a role."""
        return self.statuses[ROLES.index(role)]


def rules() -> list[Rule]:
    """Read the matrix; a line that is not whole is an error."""
    heading, *lines = (line.split() for line in MATRIX.strip().splitlines() if line.strip())
    if tuple(heading) != ("phase", "method", "address", *ROLES):
        raise ValueError(f"expected the roles {ROLES} in the heading, got {heading[3:]}")
    found = [
        Rule(SPANS.get(phase) or (phase,), method, address, tuple(map(int, statuses)))
        for phase, method, address, *statuses in lines
    ]
    for rule in found:
        if (
            len(rule.statuses) != len(ROLES)
            or rule.method not in METHODS
            or not set(rule.phases) <= set(PHASES)
        ):
            raise ValueError(f"expected a phase, a method and {len(ROLES)} statuses: {rule}")
    return found


def refused(role: str, address: str) -> int:
    """Return the status of a method that the matrix does not name."""
    if role != "anonymous" or address.lstrip("/") in OPEN_TO_ALL:
        return 405
    return 401 if address in ASKED_BY_SCRIPTS else 302
