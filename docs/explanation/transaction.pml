/*
 * ActionGrant: one grant from decision to revocation.  SPIN 6.5.2.
 *
 *   safety    spin -a -DMAXTOK=1 -DNN=3 -DGB=2 transaction.pml &&
 *             gcc -O2 -w -DSAFETY -DCOLLAPSE -DNOREDUCE -o pan pan.c && ./pan -E -m20000000 -w27
 *   liveness  spin -a -DLIVE -DNN=2 -DGB=2 -DMAXF=2 -DDEADLINE transaction.pml &&
 *             gcc -O2 -w -DCOLLAPSE -DNOREDUCE -DNFAIR=4 -o pan pan.c && ./pan -a -f -N i4 -m60000000 -w27   (also i4b i4c i4d)
 *   -DDEADLINE -DE9 / -DDEADLINE -DE10 assert P9 / P10: these do NOT hold (P10 does with -DLAG=0)
 *   -DM_x=1   removes one guard; each gives a counter-example but M_EXPDEL (usability only) and M_PAST=2
 *   trace     spin -t <same -D flags> transaction.pml  (add -DBFS to gcc for the shortest)
 *
 * The code uses the form with -DMAXTOK=1: a repeated nonce never gets a second credential.
 *
 * Attempt IDs.  Every try of the consuming write has an ID of its own.  A replica whose answer is lost reads the grant back
 * and takes the write for its own only if status names that ID.  -DM_ATTEMPT=1 compares the nonce alone.  The release before
 * compared the jti: -DOLDREPL=1 mixes it in, -DPRUNE=1 and -DMAYBEPRUNE=1 have its CRD drop the ID from every or any write.
 * -DNOCRED=1 is a grant without credential.
 *
 * Two handlers (the replicas), two reconcilers that both believe they lead, NN calls alive at once (each with a nonce of
 * its own; a sidecar crash is a report that never arrives, its restart a new call; slots are recycled, so any number of
 * calls), at most GB give-backs.  use(n) and finish(n) may be delivered any number of times, at any time, to any
 * replica, once sent (loss, delay, duplicates, retries).  A status PUT is applied, applied with its answer lost, lost,
 * or lands later (one pending is enough: the first to land beats all others by CAS).  Threads crash at any point.
 * Deadline, notAfter, pod gone and a person's revoke come at any point; without DEADLINE the sidecar never looks at a
 * clock.  LAG=1: the upstream may accept a token for ever after its Secret is gone (covers every bounded lag).
 *
 * Stale caches.  Every status write compares resourceVersion, so a thread with a stale view can only (a) mint for the
 * Secret UID its view names, (b) delete the Secret UID its view names, (c) create a Secret that no status names.
 * (a) and (c) are steps of their own here (stale()); (b) hits a Secret that is gone, or equals a finish/burn that crashed
 * after its delete.  So a thread goes back to idle once its view is stale (its message can be delivered again).
 * A model with explicit stale views and without this reduction agreed at smaller bounds.
 *
 * I1 at most one effect (LAG=1: at most one send).  I2 Finished/revokedAt => no Secret with a token.  I3 effect or send =>
 * phase InUse or later, outcome never NotDispatched.  I4 InUse is left.  I5 a received or sent token is named in status.
 * P6 the named token is bound to status.secretUID.  P7 an Approved grant's Secret exists.  P8 a given-back nonce never
 * consumes again.
 */
#ifndef NN
#define NN 3          /* calls alive at once */
#endif
#ifndef GB
#define GB 2          /* give-backs allowed */
#endif
#ifndef NJ
#define NJ 5          /* tokens alive at once (ids are recycled) */
#endif
#ifndef MAXTOK
#define MAXTOK 2      /* tokens that one use may name: first + re-issues */
#endif
#ifndef REPL
#define REPL 2
#endif
#ifndef RECS
#define RECS 2
#endif
#define T (REPL+RECS)
#define NS (5+T)
#ifndef LAG
#define LAG 1
#endif
/* mutations: each drops one guard of the protocol, or one assumption about the sidecar */
#ifndef M_FINNONCE
#define M_FINNONCE 0  /* finish() does not compare the use's nonce */
#endif
#ifndef M_ATTEMPT
#define M_ATTEMPT 0   /* read-back compares the nonce only */
#endif
#ifndef M_REISSUE
#define M_REISSUE 0   /* re-issue hands over without a status write */
#endif
#ifndef M_REPLACE
#define M_REPLACE 0   /* re-issue replaces the jti in status */
#endif
#ifndef M_BYNAME
#define M_BYNAME 0    /* mint and delete by Secret name, not by status.secretUID */
#endif
#ifndef M_PAST
#define M_PAST 0      /* 1: a given-back nonce may consume again; 2: the same, P8 not asserted */
#endif
#ifndef M_EXPDEL
#define M_EXPDEL 0    /* expire an Approved grant: delete before the CAS */
#endif
#ifndef M_RECFIRST
#define M_RECFIRST 0  /* finish/burn: status before Secret */
#endif
#ifndef M_NOCAS
#define M_NOCAS 0     /* the consuming PUT has no resourceVersion */
#endif
#ifndef M_LIAR
#define M_LIAR 0      /* sidecar reports NotDispatched after sending */
#endif
#ifndef M_FORGET
#define M_FORGET 0    /* sidecar restarts with the old nonce */
#endif
#ifndef M_HANDFIRST
#define M_HANDFIRST 0 /* hand over before the consuming PUT is confirmed */
#endif
#ifndef M_BURNBACK
#define M_BURNBACK 0  /* the reconciler gives back instead of burning */
#endif

/* environments of the attempt ID */
#ifndef OLDREPL
#define OLDREPL 0     /* so many of the replicas are of the release before: they write no attempt ID and compare the jti */
#endif
#ifndef PRUNE
#define PRUNE 0       /* the CRD is of the release before: no status ever holds an attempt ID */
#endif
#ifndef NOCRED
#define NOCRED 0      /* a grant without credential: no Secret, no token; a "token" is the answer of one attempt, js a ghost */
#endif
#ifndef MAYBEPRUNE
#define MAYBEPRUNE 0  /* several API servers, of which some have the CRD of the release before: any write may lose the ID */
#endif

#ifndef ADMINDEL
#define ADMINDEL 0    /* environment: anybody deletes the Secret at any time (P7 is off then) */
#endif

#define PEND 0
#define APPR 1
#define INUSE 2
#define FIN 3
#define EXPD 4        /* Expired, or Revoked while Approved */
#define ND 1
#define SENTO 2
#define UNK 3
#define WAIT 1
#define HAVE 2
#define SENT 3
#define DND 4
#define DSO 5

#ifdef E9
#define A9(x) assert(x)
#else
#define A9(x) skip
#endif
#ifdef E10
#define A10(x) assert(x)
#else
#define A10(x) skip
#endif
#ifdef DEADLINE
#define DLPASSED(x) dl[x]
#define DLOK(x) (!dl[x])          /* the sidecar looks at its clock before it sends */
#else
#define DLPASSED(x) true
#define DLOK(x) true
#endif
#ifdef MAXF
byte faults;
#define FAULT (faults < MAXF)
#define CNT faults++
#else
#define FAULT true
#define CNT skip
#endif

/* ---- ActionGrant.status ---- */
byte ph, att, out;
byte suid;            /* secretUID */
byte un;              /* use.nonce, 0 none */
byte ua;              /* use.attemptID, 0 none */
byte js;              /* use.credentialIDs (mask) */
bit rev;              /* revokedAt, for EXPD; FIN always has it */
#define TERM (ph == FIN || (ph == EXPD && rev))
/* ---- Secrets and tokens ---- */
byte sec;             /* UID of the Secret that exists under the grant's name, 0 none */
bit secTok;           /* some token was minted for it */
byte tuid[NJ+1];      /* token -> Secret UID */
/* ---- controller threads; all views are current, see above ---- */
byte pc[T], tn[T], to[T], tc[T], tj[T], ta[T];   /* ta: the attempt ID of the consuming write that this thread made */
#define IDLE 0
#define U2 1
#define U4 2
#define F3 3
#define F4 4
#define F5 5
#define RA 6
#define RB 7
#define RE 8
#define RD 9
#define U2S 10        /* only with M_ATTEMPT / M_HANDFIRST / M_NOCAS: U2 on a stale view */
byte lk, la, lb, lc;      /* a delayed status PUT on the current resourceVersion */
#define LUSE 1
#define LFIN 2
#define LAPP 3
#define LEXP 4
#define LREV 5
/* ---- sidecars and upstream ---- */
byte st[NN+1], ans[NN+1], hold[NN+1], up[NN+1];
#if M_PAST
bit gone[NN+1];       /* nonce was given back */
#endif
bit dl[NN+1];         /* deadline passed; only with DEADLINE */
byte eff;
bit sent;

byte n, k, gu, gi, gk, gw;    /* scratch, 0 between steps */

inline rst(i_) { pc[i_] = 0; tn[i_] = 0; to[i_] = 0; tc[i_] = 0; tj[i_] = 0; ta[i_] = 0 }
inline newver() { d_step {
  gi = 0;
  do
  :: gi < T ->
       if
       :: pc[gi] == U4 || pc[gi] == IDLE || pc[gi] == U2S -> skip
#if M_ATTEMPT || M_NOCAS
       :: pc[gi] == U2 -> pc[gi] = U2S
#endif
       :: else -> rst(gi)
       fi; gi++
  :: else -> break
  od; gi = 0; lk = 0; la = 0; lb = 0; lc = 0 }
}
inline chk2() { assert(!(TERM && sec != 0 && secTok)) }                      /* I2 */
inline commitUse(n_, j_, a_) {
  printf("   STATUS: InUse(n%d, jti %d, attempt ID %d), was phase %d attempt %d\n", n_, j_, a_, ph, att);
  if
  :: ph == APPR || M_NOCAS ->
       assert(NOCRED || tuid[j_] == suid);              /* P6: the named token is bound to the Secret that status names */
#if M_PAST
       assert(!gone[n_] || M_PAST == 2);      /* P8: a given-back nonce never consumes again */
#endif
       ph = INUSE; un = n_; js = (1 << j_)
  :: else -> js = (M_REPLACE -> 0 : js) | (1 << j_)
  fi;
  ua = a_;
#if PRUNE
  ua = 0;
#endif
#if MAYBEPRUNE
  if :: skip :: ua = 0 fi;
#endif
  newver()
}
inline commitFin(o_) {
  printf("   STATUS: Finished, outcome %d (1 NotDispatched 2 sent 3 Unknown)\n", o_);
  assert(!(o_ == ND && sent) && !(o_ == SENTO && !sent));   /* I3 */
  ph = FIN; out = o_; ua = 0; newver(); chk2()
}
inline commitApp(s_) {
  printf("   STATUS: Approved with Secret %d, was phase %d attempt %d\n", s_, ph, att);
  if
  :: ph == PEND -> skip
  :: else ->
       assert(!sent);                         /* I3: nothing that may have been sent is re-opened */
#if M_PAST
       gone[un] = 1;
#else
       if :: st[un] == DND -> st[un] = 0 :: else -> skip fi;   /* its nonce is in status.pastUses: refused from now on, slot free */
#endif
       att++; un = 0; ua = 0; js = 0
  fi;
  ph = APPR; suid = s_; newver();
  assert(ADMINDEL || NOCRED || sec == suid)             /* P7: an Approved grant is usable */
}
inline commitExp(r_) { printf("   STATUS: Expired/Revoked, revokedAt %d\n", r_); ph = EXPD; rev = r_; newver(); chk2() }

inline tgc() { d_step {       /* forget tokens that nobody refers to; sort equal threads and equal calls (symmetry) */
  gu = js; gi = 0;
  do :: gi < T -> gu = gu | (1 << tj[gi]); gi++ :: else -> break od;
  gi = 1;
  do :: gi <= NN -> gu = gu | ans[gi] | (1 << hold[gi]) | (1 << up[gi]); gi++ :: else -> break od;
  if :: lk == LUSE -> gu = gu | (1 << lb) :: else -> skip fi;
  gi = 1;
  do :: gi <= NJ -> if :: !(gu & (1 << gi)) -> tuid[gi] = 0 :: else -> skip fi; gi++ :: else -> break od;
  gi = 0; gu = 0; n = 0; k = 0; gk = 0; gw = 0
#ifndef LIVE
#define SWAP(x,a,b) gi = x[a]; x[a] = x[b]; x[b] = gi
#if M_PAST
#define SWAPG(a,b) SWAP(gone,a,b);
#else
#define SWAPG(a,b)
#endif
#define LESSN(a,b) ((st[a] < st[b]) || (st[a] == st[b] && ((un == b) || (un != a && ((ans[a] < ans[b]) || (ans[a] == ans[b] && (hold[a]*8 + up[a]*2 + dl[a] < hold[b]*8 + up[b]*2 + dl[b])))))))
#define MAPN(x,a,b) if :: x == a -> x = b :: x == b -> x = a :: else -> skip fi
#define SORTN(a,b) if :: LESSN(b,a) -> SWAP(st,a,b); SWAP(ans,a,b); SWAP(hold,a,b); SWAP(up,a,b); SWAP(dl,a,b); SWAPG(a,b) gi = 0; MAPN(un,a,b); if :: lk == LUSE -> MAPN(la,a,b) :: else -> skip fi; do :: gi < T -> MAPN(tn[gi],a,b); gi++ :: else -> break od; gi = 0 :: else -> skip fi
#if NN == 2
  ; SORTN(1,2)
#endif
#if NN == 3
  ; SORTN(1,2); SORTN(2,3); SORTN(1,2)
#endif
#if NN == 4
  ; SORTN(1,2); SORTN(2,3); SORTN(3,4); SORTN(1,2); SORTN(2,3); SORTN(1,2)
#endif
#define LESS(a,b) ((pc[a] < pc[b]) || (pc[a] == pc[b] && ((tj[a] < tj[b]) || (tj[a] == tj[b] && ((ta[a] < ta[b]) || (ta[a] == ta[b] && (tn[a]*32+to[a]*8+tc[a] < tn[b]*32+to[b]*8+tc[b])))))))
#define SORT(a,b) if :: LESS(b,a) -> SWAP(pc,a,b); SWAP(tn,a,b); SWAP(to,a,b); SWAP(tc,a,b); SWAP(tj,a,b); SWAP(ta,a,b); gi = 0 :: else -> skip fi
#if REPL == 2 && OLDREPL != 1      /* replicas of two releases are no symmetry */
  ; SORT(0,1)
#endif
#if REPL == 3
  ; SORT(0,1); SORT(1,2); SORT(0,1)
#endif
#if RECS == 2
  ; SORT(REPL,REPL+1)
#endif
#endif
} }
inline tryID(i_) { d_step {        /* a random ID that nobody has, nor remembers: one for each try of the consuming write */
  gu = 1 | (1 << ua); gi = 0; do :: gi < T -> gu = gu | (1 << ta[gi]); gi++ :: else -> break od;
  if :: lk == LUSE -> gu = gu | (1 << lc) :: else -> skip fi;
  gi = 1; do :: (gu & (1 << gi)) -> gi++ :: else -> break od;
  assert(gi <= 7); ta[i_] = gi; gi = 0; gu = 0 }
#if OLDREPL
  if :: i_ < OLDREPL -> ta[i_] = 0 :: else -> skip fi
#endif
}
inline mint(i_) {      /* TokenRequest with boundObjectRef.uid: the Secret exists, checked by the caller */
  d_step { gi = 1; do :: tuid[gi] != 0 -> gi++ :: else -> break od; tuid[gi] = (NOCRED -> 7 : sec); secTok = !NOCRED; tj[i_] = gi; gi = 0 };
  printf("   token %d minted for Secret %d\n", tj[i_], sec);
  chk2()
}
#define CANMINT (tuid[1] == 0 || tuid[2] == 0 || tuid[3] == 0 || tuid[4] == 0 || tuid[NJ-1] == 0 || tuid[NJ] == 0)   /* NJ <= 6; checked: never all in use */
#define COUNT(m) (((m)>>1 & 1) + ((m)>>2 & 1) + ((m)>>3 & 1) + ((m)>>4 & 1) + ((m)>>5 & 1) + ((m)>>6 & 1))
inline newsec() { d_step {     /* a UID that nobody remembers */
  gu = 1 | (1 << suid); gi = 0; do :: gi < T -> gu = gu | (1 << tc[gi]); gi++ :: else -> break od;
  gi = 1; do :: gi <= NJ -> gu = gu | (1 << tuid[gi]); gi++ :: else -> break od;
  if :: lk == LAPP -> gu = gu | (1 << la) :: else -> skip fi;
  gi = 1; do :: (gu & (1 << gi)) -> gi++ :: else -> break od;
  assert(gi <= 7); sec = gi; secTok = 0; gi = 0; gu = 0 }
}
inline give(n_, j_) { if :: st[n_] == WAIT -> ans[n_] = ans[n_] | (1 << j_) :: else -> skip fi }
inline delsec() {
#if M_BYNAME
  sec = 0; secTok = 0
#else
  if :: sec != 0 && sec == suid -> sec = 0; secTok = 0 :: else -> skip fi
#endif
}
inline pickn() { n = 1; do :: n < NN -> n++ :: break od }
#define HASSEC (NOCRED || (sec != 0 && (sec == suid || M_BYNAME)))
#if OLDREPL
#define OWN(i) (i < OLDREPL -> (!NOCRED && (js & (1 << tj[i]))) : (ua != 0 && ua == ta[i]))
#else
#define OWN(i) (ua != 0 && ua == ta[i])
#endif
#define MINE(i) (ph == INUSE && un == tn[i] && (M_ATTEMPT || OWN(i)))

inline handler(i) {
  if
  :: pc[i] == IDLE -> pickn();
     if
     :: ph == APPR && st[n] != 0 && HASSEC && CANMINT ->
          printf("R%d: use(n%d): Approved\n", i, n); tn[i] = n; mint(i); tryID(i); pc[i] = U2;
#if M_HANDFIRST
          give(n, tj[i])
#endif
     :: ph == INUSE && un == n && st[n] != 0 && HASSEC && CANMINT && (COUNT(js) < MAXTOK) ->
          printf("R%d: use(n%d) again: InUse by it\n", i, n); mint(i); tryID(i);
#if M_REISSUE
          give(n, tj[i]); tj[i] = 0; ta[i] = 0
#else
          tn[i] = n; pc[i] = U2     /* M_REPLACE: the write replaces the jti instead of adding one */
#endif
     :: ph == INUSE && st[n] >= DND && (un == n || M_FINNONCE) ->
          printf("R%d: finish(n%d): InUse by n%d; deletes Secret\n", i, n, un);
          tn[i] = n;
#if !M_RECFIRST
          delsec();
#endif
          if
          :: st[n] == DND && att < GB -> pc[i] = F3
          :: st[n] == DND && att == GB -> pc[i] = F5; to[i] = ND
          :: else -> pc[i] = F5; to[i] = SENTO
          fi
     :: else -> skip
     fi
  :: pc[i] == U2 ->
     if
     :: printf("R%d: PUT ok, hands over to n%d\n", i, tn[i]); gk = tn[i]; gu = tj[i]; gw = ta[i]; rst(i); commitUse(gk, gu, gw); give(gk, gu); gw = 0; gu = 0; gk = 0
     :: FAULT -> CNT; printf("R%d: PUT applied, answer lost\n", i); pc[i] = U4; commitUse(tn[i], tj[i], ta[i])
     :: FAULT -> CNT; printf("R%d: PUT lost\n", i); pc[i] = U4
     :: lk == 0 && FAULT -> CNT; printf("R%d: PUT delayed\n", i); lk = LUSE; la = tn[i]; lb = tj[i]; lc = ta[i]; pc[i] = U4
     :: FAULT -> CNT; rst(i)                                                   /* crash */
     fi
#if M_ATTEMPT || M_NOCAS
  :: pc[i] == U2S ->
     if
#if M_NOCAS
     :: gk = tn[i]; gu = tj[i]; gw = ta[i]; rst(i); commitUse(gk, gu, gw); give(gk, gu); gw = 0; gu = 0; gk = 0
#endif
     :: pc[i] = U4
     :: rst(i)
     fi
#endif
  :: pc[i] == U4 ->
     if
     :: MINE(i) -> printf("R%d: read-back: mine, hands token %d to n%d\n", i, tj[i], tn[i]); give(tn[i], tj[i]); rst(i)
     :: rst(i)                                                                 /* not mine: refused or matched again; or crash */
     fi
  :: pc[i] == F3 ->
     if
     :: NOCRED -> tc[i] = 0; pc[i] = F4
     :: !NOCRED && sec == 0 -> newsec(); tc[i] = sec; pc[i] = F4; printf("R%d creates Secret %d\n", i, sec)
     :: sec != 0 -> tc[i] = sec; pc[i] = F4; printf("R%d: AlreadyExists, adopts Secret %d\n", i, sec)
     :: FAULT -> CNT; rst(i)
     fi
  :: pc[i] == F4 ->
     if
     :: gk = tc[i]; rst(i); commitApp(gk); gk = 0
     :: lk == 0 && FAULT -> CNT; printf("R%d: give-back PUT delayed\n", i); lk = LAPP; la = tc[i]; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  :: pc[i] == F5 ->
     if
     :: gk = to[i]; rst(i); commitFin(gk); gk = 0
     :: lk == 0 && FAULT -> CNT; printf("R%d: Finished PUT delayed\n", i); lk = LFIN; la = to[i]; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  fi;
  tgc()
}

inline reconciler(i) {
  if
  :: pc[i] == IDLE ->
     if
     :: ph == PEND && NOCRED -> tc[i] = 0; pc[i] = RA
     :: ph == PEND && !NOCRED && sec == 0 -> newsec(); printf("L%d creates Secret %d\n", i, sec); tc[i] = sec; pc[i] = RA
     :: ph == PEND && sec != 0 -> printf("L%d adopts Secret %d\n", i, sec); tc[i] = sec; pc[i] = RA
     :: ph == INUSE && DLPASSED(un) -> printf("L%d burns: deletes Secret\n", i);                            /* deadline, pod gone, or revoke */
#if !M_RECFIRST
        delsec();
#endif
        pc[i] = RB
     :: ph == APPR -> printf("L%d expires\n", i);                               /* notAfter, or revoke */
#if M_EXPDEL
        delsec();
#endif
        pc[i] = RE
     :: ph == EXPD && !rev -> printf("L%d deletes Secret\n", i); delsec(); pc[i] = RD
     :: TERM && sec != 0 -> printf("L%d collects Secret %d\n", i, sec); sec = 0; secTok = 0
     fi
  :: pc[i] == RA ->
     if
     :: gk = tc[i]; rst(i); commitApp(gk); gk = 0
     :: lk == 0 && FAULT -> CNT; lk = LAPP; la = tc[i]; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  :: pc[i] == RB ->
     if
#if M_BURNBACK
     :: att < GB -> rst(i); if :: !NOCRED && sec == 0 -> newsec() :: else -> skip fi; commitApp(sec)
#endif
     :: rst(i); commitFin(UNK)
     :: lk == 0 && FAULT -> CNT; printf("L%d: burn PUT delayed\n", i); lk = LFIN; la = UNK; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  :: pc[i] == RE ->
     if
     :: rst(i); commitExp(M_EXPDEL)
     :: lk == 0 && FAULT -> CNT; lk = LEXP; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  :: pc[i] == RD ->
     if
     :: rst(i); commitExp(1)
     :: lk == 0 && FAULT -> CNT; lk = LREV; rst(i)
     :: FAULT -> CNT; rst(i)
     fi
  fi;
  tgc()
}

inline stale() {
  if
  :: !NOCRED && ph != PEND && HASSEC && !secTok -> printf("stale replica mints for Secret %d; phase %d\n", sec, ph); secTok = 1; chk2()   /* its PUT gets 409 */
  :: !NOCRED && ph != PEND && sec == 0 -> newsec(); printf("stale controller creates Secret %d; phase %d\n", sec, ph)                      /* its PUT gets 409 */
#if ADMINDEL
  :: sec != 0 -> sec = 0; secTok = 0; printf("somebody deletes the Secret\n")
#endif
  fi;
  tgc()
}

inline net() {
  lk != 0 -> printf("NET: delayed PUT lands\n");
  if
  :: lk == LUSE -> gk = la; gu = lb; gw = lc; commitUse(gk, gu, gw); gk = 0; gu = 0; gw = 0
  :: lk == LFIN -> gk = la; commitFin(gk); gk = 0
  :: lk == LAPP -> gk = la; commitApp(gk); gk = 0
  :: lk == LEXP -> commitExp(M_EXPDEL)
  :: lk == LREV -> commitExp(1)
  fi;
  tgc()
}

inline calls() {
  pickn();
  if
  :: st[n] == 0 -> st[n] = WAIT; dl[n] = 0; printf("S n%d: use(n%d) sent\n", n, n)
  :: st[n] == WAIT && ans[n] != 0 ->
       k = 1; do :: k < NJ -> k++ :: break od;
       if
       :: ans[n] & (1 << k) ->
            printf("S n%d receives token %d\n", n, k);
            assert(js & (1 << k));                                             /* I5 */
            st[n] = HAVE; hold[n] = k; ans[n] = 0
       :: else -> skip
       fi
  :: st[n] == WAIT || st[n] == HAVE ->
       printf("S n%d gives up, nothing sent: NotDispatched\n", n);
       st[n] = DND; ans[n] = 0; hold[n] = 0
  :: st[n] == HAVE && DLOK(n) ->
       printf("S n%d SENDS with token %d; phase %d attempt %d\n", n, hold[n], ph, att);
       assert(js & (1 << hold[n]));                                            /* I5 */
       assert(ph >= INUSE && out != ND);                                       /* I3 */
       assert(!LAG || !sent);                                                  /* I1, already on what is sent */
       st[n] = SENT; up[n] = hold[n]; hold[n] = 0; sent = 1
  :: st[n] == SENT -> st[n] = DSO; printf("S n%d reports an outcome\n", n)
#if M_LIAR
  :: st[n] == SENT -> st[n] = DND; printf("S n%d lies: NotDispatched\n", n)
#endif
#if M_FORGET
  :: st[n] == SENT -> st[n] = WAIT; printf("S n%d restarts with the same nonce\n", n)
#endif
  :: st[n] >= DND && un != n && up[n] == 0 && !(lk == LUSE && la == n) && tn[0] != n && tn[REPL/2] != n && tn[REPL-1] != n && !M_PAST -> st[n] = 0   /* the last of its messages is lost */
#ifdef DEADLINE
  :: st[n] != 0 && !dl[n] -> dl[n] = 1; printf("deadline of n%d passes\n", n)
#endif
  :: else -> skip
  fi;
  tgc()
}

inline upstream() {
  pickn();
  if
  :: up[n] != 0 && (NOCRED || sec == tuid[up[n]] || LAG) ->
       printf("UPSTREAM executes for n%d; phase %d attempt %d outcome %d\n", n, ph, att, out);
       assert(eff == 0);                                                       /* I1 */
       assert(ph >= INUSE && out != ND);                                       /* I3 */
       A9(!dl[n]);                                                             /* P9: no effect after the deadline */
       A10(!TERM);                                                             /* P10: no effect after revokedAt */
       eff++; up[n] = 0
  :: !NOCRED && up[n] != 0 && sec != tuid[up[n]] -> printf("UPSTREAM: 401 for n%d\n", n); up[n] = 0
  :: else -> skip
  fi;
  tgc()
}

#ifdef LIVE
/* one process each, weak fairness; MAXF bounds lost/delayed/crashed steps.  Leader 1 works; leader 2, if any, may too. */
proctype Replica(byte id) { do :: atomic { handler(id) } od }
proctype Leader(byte id) { do :: atomic { reconciler(id) } od }
proctype Sidecars() { do :: atomic { calls() } od }
proctype Up() { do :: atomic { upstream() } od }
proctype Net() { do :: atomic { net() } od }
proctype Stale() { do :: atomic { stale() } od }
#ifdef DEADLINE
proctype Clock() { do :: atomic { ph == INUSE && !dl[un] -> dl[un] = 1 } od }
#endif
init { atomic { run Replica(0);
#if REPL > 1
  run Replica(1);
#endif
  run Leader(REPL);
#if RECS > 1
  run Leader(REPL+1);
#endif
  run Sidecars(); run Up(); run Net(); run Stale();
#if defined(DEADLINE) && !defined(NOCLOCK)
  run Clock()
#endif
  } }
ltl i4 { [] ((ph == INUSE) -> <> (ph != INUSE)) }
ltl i4b { [] ((ph == PEND) -> <> (ph != PEND)) }
ltl i4c { [] ((ph == EXPD) -> <> rev) }
ltl i4d { [] ((TERM && sec != 0) -> <> (sec == 0)) }
#else
active proctype All() {
  do
  :: atomic { handler(0) }
#if REPL > 1
  :: atomic { handler(1) }
#endif
#if REPL > 2
  :: atomic { handler(2) }
#endif
#if RECS > 0
  :: atomic { reconciler(REPL) }
#endif
#if RECS > 1
  :: atomic { reconciler(REPL+1) }
#endif
  :: atomic { stale() }
  :: atomic { calls() }
  :: atomic { upstream() }
  :: atomic { net() }
#ifdef REACH
  :: atomic { (REACH) -> assert(false) }
#endif
  od
}
#endif
