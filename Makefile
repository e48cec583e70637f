# Each target is one line: set up what is missing (a second time that takes no time), then run tools/NAME.py.
PYTHON = python3
COURSE = $(PYTHON) tools/setup.py

help:            ## Show this list
	@sed -n 's/^\([a-z]*\):\( *\)## /  make \1\2 /p' Makefile

learn:           ## Open the course in JupyterLab             ARGS="--no-browser --port 9000"
	@$(COURSE) learn $(ARGS)

test:            ## Prove everything, as CI does              ARGS="lint frameworks unit notebooks book measure pages lab twice"
	@$(COURSE) test $(ARGS)

run:             ## Run notebooks and store their outputs     NB=01
	@$(COURSE) run $(NB) $(ARGS)

book:            ## Build the book                             ARGS="--touched"
	@$(COURSE) book $(ARGS)

serve:           ## Build the book and show it on this machine
	@$(COURSE) serve $(ARGS)

student:         ## Write the notebooks without solutions, to hand out     NB=01
	@$(COURSE) student $(NB) $(ARGS)

instructor:      ## Write them with notes, answers and shorter lessons     NB=01
	@$(COURSE) instructor $(NB) $(ARGS)

slides:          ## Make a deck of each chapter, to speak to                NB=01
	@$(COURSE) slides $(NB) $(ARGS)

lessons:         ## Make a deck of each session of a schedule               ARGS=workshop
	@$(COURSE) lessons $(ARGS)

pdf:             ## Print the whole book into one PDF
	@$(COURSE) pdf

hub:             ## Start a JupyterHub for a class on this machine     ARGS="--students 30 --port 8000"
	@$(COURSE) hub $(ARGS)

load:            ## Let many students in at once, and measure        ARGS="--students 10 --arrive 120"
	@$(COURSE) load $(ARGS)

bank:            ## Export the questions for a learning management system
	@$(COURSE) bank

model:           ## Serve one model to a whole class            ARGS="--students class.csv"
	@$(COURSE) model $(ARGS)
assignments:     ## Make assignments for nbgrader, to hand out and mark     NB=01
	@$(COURSE) assignments $(NB) $(ARGS)

marks:           ## Mark what came in, each submission in a sandbox         ARGS="--collect FOLDER"
	@$(COURSE) marks $(ARGS)

measure:         ## Weigh and time every page of the book
	@$(COURSE) measure $(ARGS)

bench:           ## Compare with others, and with theory       ARGS="hash queueing"
	@$(COURSE) bench $(ARGS)

frameworks:      ## Build what chapter 12 compares, and measure    ARGS="spade crewai"
	@$(COURSE) frameworks $(ARGS)

lint:            ## Check style, also inside notebooks
	@$(COURSE) test lint

covers:          ## Draw the chapters' covers and cards anew      ARGS="03 20"
	@$(COURSE) covers $(ARGS)
.PHONY: covers

corpus:          ## Freeze the course's prose for its search anew
	@$(COURSE) corpus $(ARGS)

lock:            ## Choose exact versions anew
	@$(COURSE) lock $(ARGS)

.PHONY: help learn test run book serve student instructor slides lessons bank pdf measure bench frameworks lint corpus lock model hub load assignments marks
