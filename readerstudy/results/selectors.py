"""Who may see the results of a study."""

from readerstudy.accounts.models import User
from readerstudy.study.models import Role, Study
from readerstudy.study.visibility import study_for_role


def study_for_results(user: User, slug: str) -> Study:
    """Return the study to its admins, researchers and statisticians; 404 to anybody else."""
    return study_for_role(user, slug, Role.STUDY_ADMIN, Role.RESEARCHER, Role.STATISTICIAN)
