"""trading-monitor: approved decisions become orders, owned shares get stops, the journal agrees with the broker.

How a pass goes: a script calls runner.py, which asks due.py whether anything is due; passes.py holds the account and
repeats gather, plan, apply until nothing is left to do. Who may import whom: commands and runner may use all below;
stages use planning, planning uses domain; adapters are named in bootstrap.py alone; a test checks it.

domain/         nouns, standard library only
                records.py rows; facts.py what the broker says; actions.py what a plan may ask for; results.py
                states.py states and transitions; money.py; ids.py; bodies.py orders on the wire; hours.py; limits.py
planning/       rules, pure
                monitors.py entries.py the stages' plans; booking.py sync.py books.py outcomes.py what happened;
                cover.py protection; checks.py decisions.py sizing.py before an order; reconcile.py valuation.py
                context.py what every plan is given
stages/         order_executor.py order_monitor.py position_monitor.py: look and plan, one file a stage
broker/         port.py the broker as stages see it; alpaca.py the adapter; wire.py HTTP; translate.py refusals.py words
store/          port.py the store as stages see it; sql.py sqlite.py the adapters; tables.py column_types.py
                selection.py fetch.py writing.py queries.py; init.py __main__.py make the database
invariants/     always.py settled.py what must hold; evidence.py catalogue.py
paper_broker/   another program: a local Alpaca
                program.py options.py api.py order_api.py account_api.py market_api.py control_api.py call.py
                message.py render.py state.py faults.py clocks.py transport.py server.py __main__.py
                prices.py bars.py bridge.py synthetic.py
                exchange/engine.py exchange/admission.py exchange/book.py exchange/chance.py exchange/holdings.py
                exchange/hours.py exchange/listing.py exchange/market.py exchange/matching.py exchange/records.py
                exchange/refusal.py exchange/rules.py exchange/ticket.py exchange/wash.py
simulation/     world.py the only thing that drives stages in simulated time; faults.py lifecycles.py evidence.py
                replaying.py a World with a table of decisions; story.py replay_arguments.py what to replay
intake/         decisions on their way in: arguments.py csv_file.py desk.py preview.py schedule.py
views/          pages, pure: journal.py decisions.py replay.py; pages.py all of them
render/         text.py as_json.py result.py progress.py

And by themselves:
lib/            runner.py passes.py gather.py apply.py market.py tools.py bootstrap.py config.py errors.py logs.py
                due.py clock.py sessions.py crontab.py
                commands: __main__.py decide.py replay.py
"""
