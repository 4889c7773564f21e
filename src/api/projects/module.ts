import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/module';
import { OrgsModule } from '../orgs/module';
import { ProjectsController } from './controller';
import { Projects } from './projects';
import { ProjectViews } from './view';

@Module({ imports: [HistoryModule, OrgsModule], controllers: [ProjectsController], providers: [Projects, ProjectViews] })
export class ProjectsModule {}
