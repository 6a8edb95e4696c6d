"""What `status` says needs attention."""

from lib.clock import new_york
from lib.standing import standing
from lib.views.status import status_page


def attention(made):
    """Return what needs attention in a world: advice by code."""
    now = made.clock.now()
    page = status_page([standing(made.store, "main", made.tools.state_dir, now)], now=now, local=new_york)
    return {each.code: each.do for each in page.accounts[0].attention}
