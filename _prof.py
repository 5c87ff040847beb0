import time
from benchmarks import search_overhead as s
from spareto.study.store import TrialStore
from spareto.study.database.tasks import Tasks
import spareto.study.search.run as r
import spareto.study.search.samplers._optuna as o
import spareto.study.known as k
from spareto.study.trials import TrialRunner
import spareto.study.artifacts as a
import spareto.core.artifacts as ca
W={}
def wrap(obj,name,label=None):
    w=W.setdefault(label or name,s.Stopwatch()); setattr(obj,name,w.around(getattr(obj,name)))
cls=[c for c in vars(o).values() if isinstance(c,type) and 'ask' in vars(c)][0]
wrap(cls,'ask');wrap(cls,'tell')
wrap(r,'_recipe');wrap(r,'_evaluated')
wrap(TrialStore,'put_proposal');wrap(TrialStore,'put');wrap(TrialStore,'__contains__');
wrap(TrialStore,'get')
wrap(Tasks,'take'); wrap(k.KnownTrials,'_reused'); wrap(k.KnownTrials,'_task'); wrap(k.KnownTrials,'trial'); wrap(TrialRunner,'discard_checkpoint'); wrap(TrialRunner,'_keep'); wrap(k.KnownTrials,'dense'); wrap(TrialRunner,'key')
print(s.measured("tpe",200))
for n,w in W.items(): print(f"{n:20s} cpu {w.processor*1e3/203:7.2f} wall {w.wall*1e3/203:7.2f}")
